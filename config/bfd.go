package config

import "fmt"

// Fault says what keeps a session from being set up beside those before it: the
// key that is wrong, and why. The text is empty when nothing is.
func (b *BFD) Fault(before []BFD) (key, text string) {
	source, neighbor := b.SourceIP, b.NeighborIP
	switch {
	case neighbor.IsMulticast() || neighbor.IsUnspecified() || neighbor.Is4In6():
		return "neighbor_ip", fmt.Sprintf("%s is not the address of one host", neighbor)
	case neighbor.Is6() && neighbor.IsLinkLocalUnicast() && neighbor.Zone() == "":
		return "neighbor_ip", fmt.Sprintf("%s is link-local: write its interface behind it, as in %s%%eth0", neighbor, neighbor)
	case source.IsValid() && (source.IsMulticast() || source.IsUnspecified() || source.Is4In6()):
		return "source_ip", fmt.Sprintf("%s is not an address of a host", source)
	case source.IsValid() && source.Is4() != neighbor.Is4():
		return "source_ip", fmt.Sprintf("%s and neighbor_ip %s are not of one family", source, neighbor)
	case source.WithZone("") == neighbor.WithZone(""):
		return "neighbor_ip", fmt.Sprintf("%s is source_ip, too: a session is between two hosts", neighbor)
	}
	for i := range before {
		o := &before[i]
		if o.NeighborIP == neighbor && o.SourceIP.WithZone("") == source.WithZone("") && o.Multihop == b.Multihop {
			return "neighbor_ip", fmt.Sprintf("%s has a session already: one more must differ in source_ip or multihop", neighbor)
		}
	}
	return "", ""
}
