package node

import (
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Channels returns where the adverts of each instance travel, in the order of
// the instances.
func (c *Config) Channels() []netspec.Channel {
	var all []netspec.Channel
	for i := range c.Instances {
		in := &c.Instances[i]
		six := len(in.Router.Addresses) > 0 && in.Router.Addresses[0].Is6()
		all = append(all, netspec.Channel{
			Interface: in.Interface, Six: six, AH: in.Router.Auth == vrrp.AuthAH,
			Group: vrrp.Group(six), VRID: in.Router.VRID,
		})
	}
	return all
}
