package node

import (
	"net/netip"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Channels returns where the adverts of each instance travel, in the order of
// the instances.
func (c *Config) Channels() []netspec.Channel {
	var all []netspec.Channel
	for i := range c.Instances {
		in := &c.Instances[i]
		channel := netspec.Channel{
			Interface: in.Interface, Six: in.six(), AH: in.Router.Auth == vrrp.AuthAH,
			Group: in.group(), VRID: in.Router.VRID,
		}
		if in.TrackSource {
			channel.Source = in.Source
		}
		all = append(all, channel)
	}
	return all
}

// group is the multicast group of the instance's adverts, the zero value for
// unicast.
func (c *Instance) group() netip.Addr {
	switch {
	case c.Router.Unicast.On:
		return netip.Addr{}
	case c.Router.Group.IsValid():
		return c.Router.Group
	}
	return vrrp.Group(c.six())
}
