package control

import (
	"context"
	"time"
)

// Usage is what the kernel counts of the virtual servers of a daemon.
type Usage struct {
	At       time.Time      `json:"at"`
	Services []ServiceUsage `json:"services"`
}

// ServiceUsage is one service of IPVS; a group has one for each of its entries.
type ServiceUsage struct {
	// Name is that of the status: "TCP 192.0.2.1:80", "fwmark 3".
	Name      string        `json:"name"`
	Scheduler string        `json:"scheduler"`
	Counters  Traffic       `json:"counters"`
	Servers   []ServerUsage `json:"servers"`
}

// ServerUsage is one real server of a service.
type ServerUsage struct {
	Name     string `json:"name"`
	Weight   int32  `json:"weight"`
	Active   uint32 `json:"active_connections"`
	Inactive uint32 `json:"inactive_connections"`
	// Persistent are the clients that persistence keeps here.
	Persistent uint32  `json:"persistent_clients"`
	Counters   Traffic `json:"counters"`
}

// Traffic is what the kernel counted since the service, or the server in it,
// exists or was set to zero, and their rates by the kernel's account.
type Traffic struct {
	Connections    uint64 `json:"connections"`
	PacketsIn      uint64 `json:"packets_in"`
	PacketsOut     uint64 `json:"packets_out"`
	BytesIn        uint64 `json:"bytes_in"`
	BytesOut       uint64 `json:"bytes_out"`
	ConnectionRate uint64 `json:"connections_per_s"`
	PacketRateIn   uint64 `json:"packets_in_per_s"`
	PacketRateOut  uint64 `json:"packets_out_per_s"`
	ByteRateIn     uint64 `json:"bytes_in_per_s"`
	ByteRateOut    uint64 `json:"bytes_out_per_s"`
}

// Usage asks the daemon for the counters of its virtual servers.
// ErrNotRunning says that nobody answers.
func (c *Client) Usage(ctx context.Context) (Usage, error) {
	var u Usage
	return u, c.get(ctx, "/v1/usage", &u)
}

// ZeroRequest asks for the counters of all services to begin anew.
type ZeroRequest struct{}

// Zeroed says of how many services of IPVS they did.
type Zeroed struct {
	Services int `json:"services"`
}

// Zero asks for it, as Failover does.
func (c *Client) Zero(ctx context.Context, r ZeroRequest) (Zeroed, error) {
	var z Zeroed
	return z, c.operate(ctx, "/v1/zero", r, &z)
}
