package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// balancer is the table of IPVS, and how much of it goes when the daemon stops.
// It exists while a configuration has, or had, virtual servers.
type balancer struct {
	*ipvs.Keeper
	log *slog.Logger
}

// newBalancer prepares the table for a configuration. Nothing happens before
// Start.
func newBalancer(c *config.Config, dir *runDir, log *slog.Logger) *balancer {
	earlier, err := dir.readServices()
	if err != nil {
		log.Warn("the list of services of IPVS of an earlier run is of no use", "err", err)
	}
	o := ipvs.Options{Log: log, Earlier: earlier, Journal: dir.writeServices, Flush: c.Global.LVSFlush}
	if t := c.Global.LVSTimeouts; t != nil {
		o.Timeouts = ipvs.Timeouts{TCP: t.TCP, TCPFin: t.TCPFin, UDP: t.UDP}
	}
	return &balancer{ipvs.NewKeeper(o), log}
}

// end takes the services out of the table, as lvs_flush_on_stop says: those
// that are ours, or all that there are.
func (b *balancer) end(c *config.Config) error {
	return b.Close(true, c.Global.LVSFlushOnStop == "all")
}

// syncs are the daemons of the kernel that synchronise connections: the master
// tells, a backup listens, and without an instance that decides both are done.
func syncs(c *config.Config, role func(instance string) (vrrp.Role, bool)) []ipvs.Sync {
	d := c.Global.SyncDaemon
	if d == nil {
		return nil
	}
	s := ipvs.Sync{Interface: d.Interface, Group: d.Group, Port: uint16(d.Port), TTL: uint8(d.TTL), MaxLen: uint16(d.MaxLen)}
	for i := range c.Instances {
		if in := &c.Instances[i]; in.Name == d.Instance {
			s.ID = uint8(in.VRID)
		}
	}
	if d.ID != nil {
		s.ID = uint8(*d.ID)
	}
	tells, listens := s, s
	tells.Role, listens.Role = ipvs.SyncMaster, ipvs.SyncBackup
	if d.Instance == "" {
		return []ipvs.Sync{tells, listens}
	}
	if r, known := role(d.Instance); known && r == vrrp.Master {
		return []ipvs.Sync{tells}
	}
	return []ipvs.Sync{listens}
}

// journalService is a service as the journal has it.
type journalService struct {
	Fwmark   uint32 `json:"fwmark,omitempty"`
	IPv6     bool   `json:"ipv6,omitempty"`
	Protocol uint8  `json:"protocol,omitempty"`
	Address  string `json:"address,omitempty"`
}

const servicesFile = "services.json"

// writeServices replaces the list of services that are ours in the table of
// IPVS.
func (d *runDir) writeServices(keys []balance.Key) error {
	list := make([]journalService, 0, len(keys))
	for _, k := range keys {
		s := journalService{Fwmark: k.Fwmark, IPv6: k.IPv6, Protocol: k.Protocol}
		if k.Address.IsValid() {
			s.Address = k.Address.String()
		}
		list = append(list, s)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("write down the services: %w", err)
	}
	return d.replace(filepath.Join(d.path, servicesFile), text)
}

// readServices reads what writeServices wrote in an earlier run.
func (d *runDir) readServices() (keys []balance.Key, err error) {
	text, err := os.ReadFile(filepath.Join(d.path, servicesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the services of an earlier run: %w", err)
	}
	var list []journalService
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the services of an earlier run: %s: %w", servicesFile, err)
	}
	for _, s := range list {
		k := balance.Key{Fwmark: s.Fwmark, IPv6: s.IPv6, Protocol: s.Protocol}
		if s.Address != "" {
			if k.Address, err = netip.ParseAddrPort(s.Address); err != nil {
				return nil, fmt.Errorf("read the services of an earlier run: %w", err)
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}
