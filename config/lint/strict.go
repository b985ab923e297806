package lint

// strict looks at what strict mode excludes beside what the readers already
// told: they warn of each key that it overrides.
func (l *instanceLint) strict() {
	in := l.in
	if in.TimerExpiredBackup > 0 && !in.NoPreempt {
		l.warn(place(in, "timer_expired_backup"), "timer-expired-unused", "timer_expired_backup is for a node with nopreempt: any other yields to a higher priority anyway; take it out")
	}
	if !in.Strict {
		return
	}
	global := &l.c.Global
	strict := place(in, "strict_mode")
	if !in.Written.Has("strict_mode") {
		strict = global.Written.At("vrrp_strict", strict)
	}
	if in.VMACXmitBase {
		l.warn(place(in, "vmac_xmit_base"), "strict-vmac", "strict mode sends adverts from the virtual MAC address (RFC 9568 7.3): keepalived clears vmac_xmit_base; take one of them out")
	}
	if in.Priority != owner && !in.Accept && len(in.Addresses) > 0 {
		l.warn(strict, "strict-silent", "in strict mode nobody but the owner (priority 255) accepts packets to the virtual addresses (RFC 9568 6.1, Accept_Mode): %s does not even answer a ping; write accept unless that is wanted", in.Addresses[0].Prefix.Addr())
	}
}

// signed looks at adverts that are signed and not checked.
func (l *instanceLint) signed() {
	h := l.in.HMAC
	if h == nil {
		return
	}
	if h.Mode == "permissive" || h.Mode == "receive-only" {
		l.warn(at(h.Written.At("mode", h.At), l.in.At), "unsigned-accepted", "mode %s takes adverts that nobody signed: it is for the time in which nodes get their keys one by one, and protects nothing; write mode enforce when all sign", h.Mode)
	}
	if h.TimeWindow > 0 && h.TimeWindow < l.in.AdvertInt && h.AntiReplay != "monotonic" {
		l.warn(at(h.Written.At("time_window", h.At), l.in.At), "short-window", "time_window %v is less than advert_int %v: clocks that differ by one advert already make the nodes discard each other's adverts; write 3 times advert_int and 5s at least, or leave it out", h.TimeWindow, l.in.AdvertInt)
	}
}
