package vrrp

func ledgerVersion2() []ledgerRule {
	return []ledgerRule{
		{"D-1", "RFC 3768 1", "Version 2 is for IPv4.", "TestFormat2", "TestV6VRID", ""},
		{"D-2", "RFC 3768 5.3.7", "Its interval is 8 bits of seconds.", "TestFormat2", "TestV13Interval", ""},
		{"D-3", "RFC 3768 5.3.10", "It has authentication data.", "TestFormat2", "TestV12Authentication", ""},
		{"D-4", "RFC 3768 5.3.8", "Its checksum has no pseudo header.", "TestFormat2", "TestFormat2", ""},
		{"D-5", "RFC 3768 6.1", "Its skew counts in seconds.", "TestP1P2P3SkewAndMasterDown", "TestS12Version2", ""},
		{"D-6", "RFC 3768 7.1", "Another interval is a reason to discard; none is learned.", "TestS12Version2", "TestFormat2 TestV13Interval", ""},
		{"D-7", "RFC 3768 7.1", "An owner discards adverts. It does when told to: else two would be master for ever. Then too it hears who takes its addresses when it hands over.", "TestS29OwnerIgnoresAdverts TestS29IgnoringOwnerMoves", "TestS29TwoOwners", ""},
		{"D-8", "RFC 3768 6.4.3", "A lower advert is discarded without an answer. keepalived answers, and so does this, unless told not to.", "TestS27NoAdvert", "TestS27Version2Answers", ""},
		{"D-9", "RFC 3768 6.4.3", "A master that is no owner accepts nothing. keepalived accepts, and so does this, unless told not to.", "TestS21NoAccept node.TestS21Claim", "TestDefaults", ""},
		{"D-10", "RFC 3768 7.1", "Another list of addresses may be a reason to discard; it is none.", "TestFormat2", "TestAddressListIsTold", ""},
	}
}

func ledgerBoth() []ledgerRule {
	return []ledgerRule{
		{"X-1", "8.4", "One setting turns it on.", "TestX1Flag", "TestDefaults", ""},
		{"X-2", "8.4.1", "A master sends both, at its interval.", "TestX2SendBoth TestX2Election TestX2Signed", "TestX1Flag", ""},
		{"X-3", "8.4.2", "A backup counts in the interval of the advert that it heard.", "TestX3Backup", "TestX3Zero", ""},
		{"X-4", "8.4.2", "Version 2 from a master that sends version 3 is passed over.", "TestX4Echo", "TestX4Echo", ""},
		{"X-5", "8.4.2", "A master that sends version 3 only is told of.", "TestX5Report", "TestX5Report", ""},
		{"X-6", "8.4.3.2", "A router of version 2 only has no higher priority than one of both with an interval below a second.", "", "", "an advice to whoever writes the files; `moonkeep check` of two files warns that their versions differ"},
		{"X-7", "8.4", "It is not for good.", "TestDefaults", "", "an advice"},
	}
}

func ledgerOperation() []ledgerRule {
	return []ledgerRule{
		{"O-1", "8.1.2", "ARP is answered with the virtual MAC address only.", "lab.TestOneHardwareAddress", "kernel/vmac.TestKeep kernel/firewall.TestSilence", ""},
		{"O-2", "8.1.2", "Gratuitous ARP waits for the address.", "rehearse.TestSeeds node.TestClaimed", "engine.TestNoAnnounceAfterFailedClaim", ""},
		{"O-3", "8.2.2", "So do neighbour advertisements.", "kernel/announce.TestAdvertisementMovesTheAddress lab.TestHardwareSources", "engine.TestNoAnnounceAfterFailedClaim", ""},
		{"O-4", "8.2.2", "Neighbour solicitations of a master carry the virtual MAC address.", "", "", inKernel + ": it takes that of the interface that the address is on"},
		{"O-5", "8.1.1, 8.2.1", "ICMP redirects come from the address that the host used.", "", "", inKernel},
		{"O-6", "8.1.3", "Proxy ARP answers with the virtual MAC address.", "", "", "proxy ARP is the kernel's and not offered here"},
		{"O-7", "8.2.4", "A backup takes unsolicited neighbour advertisements.", "kernel/announce.TestAdvertisementMovesTheAddress", "", inKernel},
		{"O-8", "8.3.1", "A master that is no owner does not forward what is sent to the addresses.", "kernel/firewall.TestDrop", "", "an address of the host itself is never forwarded; no_accept drops what arrives for it"},
		{"O-9", "8.3.2", "Several masters, and several owners, are told, not too often.", "TestS29TwoOwners TestConflictIsToldOnce", "TestDiscardsAreToldOnce", ""},
		{"O-10", "2.5", "Flapping because this host is too slow is told.", "TestMasterShortLapse TestMasterLongSleep", "TestOwnerLongSleep", ""},
	}
}

const hmacSource = "keepalived 2.4.2"

func ledgerHMAC() []ledgerRule {
	return []ledgerRule{
		{"H-1", hmacSource, "The trailer's type is 1.", "TestHMACPublished TestHMACCaptured", "TestHMACMutations", ""},
		{"H-2", hmacSource, "The key's number, 1..255, selects it.", "TestH13Rotation", "TestHMACMutations", ""},
		{"H-3", hmacSource, "The reserved octets are zero.", "TestHMACPublished", "TestHMACMutations", ""},
		{"H-4", hmacSource, "Four octets are the seconds since 1970, modulo 2^32.", "TestH5Stamp", "TestHMACMutations", ""},
		{"H-5", hmacSource, "Two octets are parts of 2^-16 s.", "TestH5Stamp", "TestHMACBitFlips", ""},
		{"H-6", hmacSource, "Two octets break ties.", "TestH15H16SenderSequence", "TestH24Replay", ""},
		{"H-7", hmacSource, "Sixteen octets of HMAC-SHA256 follow.", "TestHMACPublished TestHMACCaptured", "TestHMACMutations", ""},
		{"H-8", hmacSource, "Seconds, parts and tie breaker are one number of 64 bits.", "TestH9Length", "TestH24Replay", ""},
		{"H-9", hmacSource, "28 octets more than the message are a trailer; without auth_hmac they are too many.", "TestH9Length", "TestV7Length", ""},
		{"H-10", hmacSource, "The IPv4 checksum leaves it out, the IPv6 checksum does not.", "TestHMACCaptured TestHMACPublished", "TestHMACMutations", ""},
		{"H-11", hmacSource, "Version, family and VRID are the receiver's, the address is the packet's source.", "TestHMACPublished", "TestHMACMutations", ""},
		{"H-12", hmacSource, "One signature is for all peers.", "TestH12H19Unicast", "TestHMACMutations", ""},
		{"H-13", hmacSource, "Keys have 32 to 64 octets; one signs, all verify.", "TestH13Rotation /config/keepalived.TestBoundKeywords", "TestHMACMutations /config/source.TestFindings", ""},
		{"H-14", hmacSource, "Without the key that signs, what leaves is refused by all.", "TestH14NoActiveKey", "TestH14NoActiveKey", ""},
		{"H-15", hmacSource, "The sequence is the clock, or one more than the last.", "TestH15H16SenderSequence node.TestH15Clock", "TestH15H16SenderSequence", ""},
		{"H-16", hmacSource, "A last sequence too far ahead of the clock is forgotten, but not in monotonic mode.", "TestH15H16SenderSequence rehearse.TestH16H21Clocks", "rehearse.TestH16H21Clocks", ""},
		{"H-17", hmacSource, "Nothing is kept over a restart.", "rehearse.TestH16H21Clocks", "rehearse.TestSeeds", ""},
		{"H-18", hmacSource, "Without a trailer: enforce refuses, the others accept.", "TestH18Modes", "TestH18Modes", ""},
		{"H-19", hmacSource, "In unicast the source is a configured peer.", "TestH12H19Unicast", "TestH12H19Unicast", ""},
		{"H-20", hmacSource, "Another type, or reserved octets that are set, are malformed.", "TestHMACOrder", "TestHMACMutations", ""},
		{"H-21", hmacSource, "A time outside the window is refused before anything is computed.", "TestH21H25Window TestHMACOrder", "TestH21H25Window rehearse.TestH16H21Clocks", ""},
		{"H-22", hmacSource, "An unknown key is refused.", "TestHMACOrder", "TestHMACMutations TestH13Rotation", ""},
		{"H-23", hmacSource, "So is a wrong HMAC, in constant time.", "TestHMACOrder", "TestHMACMutations TestHMACBitFlips", ""},
		{"H-24", hmacSource, "So is a sequence that did not grow, for each sender.", "TestH24Replay", "TestH24Replay", ""},
		{"H-25", hmacSource, "A clock that is off by half the window is told.", "TestH21H25Window", "TestH21H25Window", ""},
		{"H-26", hmacSource, "What is refused touches neither timers nor roles nor limits.", "TestH26RejectedTouchesNothing", "TestMutatedAdverts", ""},
		{"H-27", hmacSource, "Each reason has its count.", "TestH27RejectionNames", "TestHMACOrder", ""},
		{"H-28", hmacSource, "The modes are enforce, permissive and receive-only; in each a wrong trailer is refused.", "TestH18Modes TestDefaults", "TestH18Modes", ""},
		{"H-29", hmacSource, "The window is three times the whole seconds of the interval, 5..300 s.", "TestH29DefaultWindow", "TestH21H25Window", ""},
		{"H-30", hmacSource, "anti_replay is time or monotonic.", "TestH15H16SenderSequence rehearse.TestH16H21Clocks", "TestH24Replay", ""},
		{"H-31", hmacSource, "With auth_hmac there is no other authentication.", "TestH31Exclusive", "/config/source.TestFindings", ""},
		{"H-32", hmacSource, "Strict mode has enforce only.", "/config/build.TestStrict TestStrict", "/config/build.TestStrict", ""},
		{"H-33", hmacSource, "A key that signs and is not there is an error; keepalived would go without.", "/config/keepalived.TestRules", "/config/source.TestFindings /config/keepalived.TestHMACKeys", ""},
		{"H-34", hmacSource, "Keys are hex:, text or file:; a file that others can read is told.", "/config/load.TestKeys /config/keepalived.TestHMACKeys", "/config/load.TestKeys /config/source.TestFindings", ""},
		{"H-35", hmacSource, "A cluster moves to it, and to another key, without a change of role.", "rehearse.TestH35Migration", "rehearse.TestH35Migration", ""},
		{"H-36", hmacSource, "Keys are shown nowhere.", "TestH36SecretsAreMasked", "/cmd/moonkeep.TestNoSecretIsPrinted", ""},
	}
}

// asKeepalived is why a default is not the one of the document that has the rule.
const asKeepalived = "every language of configuration has keepalived's default, so that a file that is converted, or a node beside a keepalived, means the same"

const unicastSource = "draft-abinabraham-vrrp-unicast"

func ledgerUnicast() []ledgerRule {
	return []ledgerRule{
		{"U-1", unicastSource, "A router is multicast or unicast and hears no other.", "TestU1U3Unicast TestDefaults", "TestU1U3Unicast kernel/wire.TestUnicastSocketsHearNoGroup", ""},
		{"U-2", unicastSource, "Each peer is sent the same.", "TestU2Send", "node.TestSendFailedPeers", ""},
		{"U-3", unicastSource, "Only peers are heard where check_unicast_src says so, as in keepalived, and with HMAC always.", "TestU1U3Unicast", "TestU1U3Unicast", asKeepalived},
		{"U-4", unicastSource, "Packets leave with TTL 255; received ones may have any, as in keepalived, unless min_ttl or max_ttl says more.", "TestU1U3Unicast node.TestU4TTL", "TestU1U3Unicast", asKeepalived},
		{"U-5", unicastSource, "IPv6 peers are link-local or, as in keepalived, global.", "TestU5IPv6Unicast lab.TestTransports", "TestU1U3Unicast", ""},
		{"U-6", "RFC 5082", "A TTL that is not known passes no check that is asked for.", "TestV2TTL", "TestU1U3Unicast", ""},
	}
}

func ledgerAnnouncements() []ledgerRule {
	return []ledgerRule{
		{"A-1", "6.4.1, EID 7947", "Gratuitous ARP is a broadcast request that carries the address and the MAC address.", "kernel/announce.TestRoundsInOrderByteForByte lab.TestHardwareSources", "kernel/announce.TestInterfacesWithoutARPArePassedOver", "the target MAC address of the request, which nobody reads, is keepalived's broadcast address and not the erratum's"},
		{"A-2", "6.4.1, RFC 4861 7.2.6", "Unsolicited advertisements go to all nodes, override, and say router where the interface forwards.", "kernel/announce.TestAdvertisementByteForByte", "kernel/announce.TestAdvertisementByteForByte", ""},
		{"A-3", "6.4.2", "The order is advert, addresses, announcements.", "TestS10TimerFires node.TestBecomeMaster", "rehearse.TestSeeds", ""},
		{"A-4", "8.1.2, 8.2.2", "What does not stand is not announced.", "rehearse.TestSeeds", "engine.TestNoAnnounceAfterFailedClaim", ""},
		{"A-5", "keepalived", "Five at once and five later, a refresh, and gaps as configured.", "TestAnnounceRhythm kernel/announce.TestGapPacesEachInterfaceAndKeepsRounds", "TestAnnounceEndsWithMaster", ""},
	}
}

func ledgerBFD() []ledgerRule {
	return []ledgerRule{
		{"B-1", "RFC 5881 4, 5", "Ports 3784 and 4784, a source port of its own for each session, TTL 255.", "kernel/bfdwire.TestOnTheWire kernel/bfdwire.TestSet", "bfd.TestRules kernel/bfdwire.TestPortInUse", ""},
		{"B-2", "RFC 5880 4.1", "A packet has 24 octets.", "bfd.TestKeepalived", "bfd.TestDecodeRules", ""},
		{"B-3", "RFC 5880 6.8.6", "What breaks a rule is discarded, in the RFC's order.", "bfd.TestDecodeRules bfd.TestRules", "bfd.TestDecodeRules bfd.TestRules", ""},
		{"B-4", "RFC 5880 6.8.6", "The peer's values are taken from each packet; F ends a poll.", "bfd.TestRules", "bfd.TestRules", ""},
		{"B-5", "RFC 5880 6.2, 6.8.6", "The table of states.", "bfd.TestStateTable", "bfd.TestStateTable", ""},
		{"B-6", "RFC 5880 6.8.7", "P is answered at once with F.", "bfd.TestRules", "bfd.TestRules", ""},
		{"B-7", "RFC 5880 6.8.4", "Silence of a detection time takes the session down; what is discarded does not put it off.", "bfd.TestRules", "bfd.TestRules bfd.TestSimulation", ""},
		{"B-8", "RFC 5880 6.8.7", "Packets leave at the slower side's interval, less up to a quarter.", "bfd.TestRules", "bfd.TestWhole", ""},
		{"B-9", "RFC 5880 6.8.3", "While not Up the interval is at least a second.", "bfd.TestRules", "bfd.TestRules", ""},
		{"B-10", "RFC 5880 6.8.3", "What makes packets rarer, or detection shorter, waits for the end of a poll.", "bfd.TestRules", "bfd.TestRules", ""},
		{"B-11", "RFC 5880 6.8.1, 6.8.7", "A peer that wants no packets gets none.", "bfd.TestRules", "bfd.TestRules", ""},
		{"B-12", "RFC 5880 6.8.1", "Discriminators are random, unique and not zero.", "bfd.TestRules", "bfd.TestRules", ""},
		{"B-13", "RFC 5880 6.8.1", "The peer's is forgotten after a detection time.", "bfd.TestRules", "bfd.TestRules", ""},
		{"B-14", "RFC 5880 6.1", "A passive session does not speak first.", "bfd.TestRules kernel.TestKeepalivedBFDPassive", "bfd.TestRules", ""},
		{"B-15", "RFC 5880 6.8.7", "What changes is told at once.", "bfd.TestRules", "bfd.TestRules", ""},
		{"B-16", "keepalived", "Its defaults: 10 ms, 10 ms, 1 s, 5, TTL 255; for IPv6 its hop limit is 64.", "kernel.TestKeepalivedBFD kernel.TestKeepalivedBFDTimers lab.TestBFD", "/config/build.TestBFD", ""},
	}
}
