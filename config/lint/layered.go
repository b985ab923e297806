package lint

// layered looks for what is about an interface of the instance's own where
// there is none.
func (l *instanceLint) layered() {
	in := l.in
	upper := in.UseVMAC != nil || in.UseIPVLAN != nil
	others := in.UseVMACAddr
	for i := range in.Addresses {
		others = others || in.Addresses[i].UseVMAC != nil
	}
	for i := range in.Excluded {
		others = others || in.Excluded[i].UseVMAC != nil
	}
	if in.VMACXmitBase && !upper {
		l.warn(place(in, "vmac_xmit_base"), "own-interface-unused", "vmac_xmit_base is about an interface of the instance's own, and it has none: add use_vmac, or take it out")
	}
	if in.GarpExtraIF != nil && in.Written.Has("garp_extra_if") && !others && (in.UseVMAC == nil || !in.XmitBase()) {
		l.warn(place(in, "garp_extra_if"), "own-interface-unused", "garp_extra_if is about interfaces with a virtual MAC that carry no adverts, and it has none: it needs use_vmac_addr, or use_vmac with vmac_xmit_base or unicast")
	}
}
