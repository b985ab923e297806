package vrrp

// inKernel is why some rules of a host's network stack have no test.
const inKernel = "the kernel does, as for any address of an interface"

// noRouter is why there is nothing about Router Advertisements.
const noRouter = "Router Advertisements are sent by others (radvd), which a notify program starts and stops"

func ledgerTimers() []ledgerRule {
	return []ledgerRule{
		{"P-1", "6.1", "Version 3's skew is the part of an interval that the priority lacks to 256.", "TestP1P2P3SkewAndMasterDown", "TestP5Exact", ""},
		{"P-2", "6.1", "A master is down after three intervals and the skew.", "TestP1P2P3SkewAndMasterDown", "rehearse.TestSeeds", ""},
		{"P-3", "RFC 3768 6.1", "Version 2's skew is that part of a second, whatever the interval.", "TestP1P2P3SkewAndMasterDown", "TestS12Version2", ""},
		{"P-4", "6.1", "A backup counts in the interval that the master advertises.", "TestS12Accepted TestReconfigureKeepsTheLearnedInterval", "TestS12Version2 TestS32ClearForgetsTheLearnedInterval", ""},
		{"P-5", "6.1", "No rounding: priority 100 at 10 ms has a skew of 6.09375 ms.", "TestP5Exact", "TestP5Exact", ""},
		{"P-6", "keepalived", "The priority is the effective one, 1..254 for all but owners.", "TestP6EffectivePriority", "TestP6Owner", ""},
		{"P-7", "keepalived", "down_timer_adverts takes the place of three.", "TestP7DownAdverts", "TestDefaults", ""},
		{"P-8", "6.2", "A wall clock that is set moves no timer.", "TestP8WallClock", "rehearse.TestH16H21Clocks rehearse.TestSeeds", ""},
	}
}

func ledgerStates() []ledgerRule {
	return []ledgerRule{
		{"S-1", "6.4.1", "An owner starts as master: advert, announcements, timer.", "TestS1StartOwner", "TestS32ClearOwner", ""},
		{"S-2", "6.4.1", "Others start as backup and wait for a master.", "TestS2StartBackup TestS2InitialMaster", "rehearse.TestElection", ""},
		{"S-3", "6.4.1", "In Initialize nothing has an effect.", "TestS3InitDoesNothing", "TestS32FaultIsDeaf", ""},
		{"S-4", "6.4.2", "A backup answers no ARP for the addresses.", "TestS4ToS8BackupHoldsNothing", "lab.TestInterop rehearse.TestSeeds", ""},
		{"S-5", "6.4.2", "A backup answers no neighbour solicitation for them.", "TestS4ToS8BackupHoldsNothing", "lab.TestSix", ""},
		{"S-6", "6.4.2", "A backup sends no Router Advertisement for the virtual router.", "", "", noRouter},
		{"S-7", "6.4.2", "A backup discards what is sent to the virtual MAC address.", "lab.TestVMACInterop", "", "the address of the interface stays, as in keepalived; no virtual address is behind it, so nothing answers"},
		{"S-8", "6.4.2", "A backup accepts nothing that is sent to the addresses.", "TestS4ToS8BackupHoldsNothing", "lab.TestInterop lab.TestSix", ""},
		{"S-9", "6.4.2", "A backup that stops sends nothing.", "TestS9BackupStops", "rehearse.TestSeeds", ""},
		{"S-10", "6.4.2", "When the timer fires: the advert first, then the addresses and announcements.", "TestS10TimerFires node.TestBecomeMaster", "TestS31StaleTimer rehearse.TestSeeds", ""},
		{"S-11", "6.4.2", "Priority 0 leaves the skew to wait.", "TestS11Priority0", "TestS11Priority0Twice", ""},
		{"S-12", "6.4.2", "An advert as good as ours, or any without preemption, starts the timer anew.", "TestS12Accepted", "TestS13LowerIsDiscarded TestS12Version2", ""},
		{"S-13", "6.4.2", "A lower one is passed over; the timer runs on.", "TestS13LowerIsDiscarded", "TestS12Accepted", ""},
		{"S-14", "6.4.2", "In a backup the address breaks no tie.", "TestS14EqualFromEitherSide", "TestS26Yield", ""},
		{"S-15", "6.1", "An owner preempts always.", "TestS15OwnerPreempts", "lab.TestInterop", ""},
		{"S-16", "6.4.3", "A master answers ARP for the addresses with the virtual MAC address.", "lab.TestOneHardwareAddress lab.TestInterop", "lab.TestVMACInterop", ""},
		{"S-17", "6.4.3", "A master is in the solicited-node groups.", "", "", inKernel},
		{"S-18", "6.4.3", "A master answers neighbour solicitations.", "", "", inKernel},
		{"S-19", "6.4.3", "A master sends Router Advertisements.", "", "", noRouter},
		{"S-20", "6.4.3", "A master forwards what is sent to the virtual MAC address.", "", "", inKernel},
		{"S-21", "6.4.3", "A master accepts what is sent to the addresses if it owns them or is to.", "TestS21NoAccept node.TestS21Claim kernel/firewall.TestDrop", "kernel.TestNeverOpen kernel/firewall.TestDrop", ""},
		{"S-22", "6.4.3", "Neighbour discovery is not dropped.", "kernel/firewall.TestNeighbourDiscovery", "kernel/firewall.TestDrop", ""},
		{"S-23", "6.4.3", "A master that stops sends priority 0.", "TestS23StopAlone TestHandOver", "TestStopWithoutSource", ""},
		{"S-24", "6.4.3", "A master advertises each interval.", "TestS24Rhythm", "TestS24LateTick", ""},
		{"S-25", "6.4.3", "It answers priority 0 with an advert and starts its timer anew.", "TestS25Priority0", "TestS25Priority0Flood", ""},
		{"S-26", "6.4.3", "It yields to a higher priority, or to an equal one from a higher address.", "TestS26Yield TestS26YieldVersion2", "TestS26Yield TestS28OwnAddress", ""},
		{"S-27", "6.4.3", "It answers a lower one with an advert, not more often than needed.", "TestS27Assert TestS27AnswersAreRateLimited", "TestS27NoAdvert", ""},
		{"S-28", "keepalived", "Its own priority from its own address moves nothing and is told.", "TestS28OwnAddress TestS28Zone", "TestS26Yield", ""},
		{"S-29", "7.1, EID 8298", "Two owners elect one, and it is told.", "TestS29TwoOwners", "TestS29OwnerIgnoresAdverts", ""},
		{"S-30", "keepalived", "A change of the configuration shows in the next advert.", "TestS30ReconfigureMaster TestS30PayloadIsReplaced", "TestReconfigureRefresh", ""},
		{"S-31", "6.2", "A timer that was set anew does not fire at its old time.", "TestS31StaleTimer", "node.TestSchedule", ""},
		{"S-32", "keepalived", "Without link or source address a router is in FAULT; as master it says priority 0 if it can.", "TestS32FaultFromEachRole TestS32FaultWithoutSource", "TestS32FaultIsDeaf TestS32ClearForgetsTheLearnedInterval", ""},
		{"S-33", "keepalived", "preempt_delay holds preemption back.", "TestS33PreemptDelay TestS33PreemptDelayStartsAnew", "TestS33PreemptDelayAndRole TestS33PreemptDelayAndPriority0", ""},
		{"S-34", "keepalived", "vrrp_startup_delay holds instances in Initialize.", "node.TestStartDelay", "node.TestStartDelay rehearse.TestSeeds", ""},
	}
}

func ledgerInvariants() []ledgerRule {
	return []ledgerRule{
		{"I-1", "6.3", "A master has the advert timer, a backup the down timer, others none.", "TestWalk", "rehearse.TestSeeds", ""},
		{"I-2", "6.4", "Left alone, a segment has one master: the best that may preempt.", "rehearse.TestElection rehearse.TestSeeds", "rehearse.TestSeeds", ""},
		{"I-3", "6.4.3", "After a partition heals there is one master within an interval.", "rehearse.TestHeal lab.TestHeal", "rehearse.TestHealGroup", ""},
		{"I-4", "6.4.3", "Without a reason no role changes to and fro.", "rehearse.TestSeeds", "rehearse.TestSeeds", ""},
		{"I-5", "6.4.2", "Take-over comes after the skew or the down interval, never while a live master is heard.", "rehearse.TestStop rehearse.TestCrash lab.TestInterop", "rehearse.TestSeeds", ""},
		{"I-6", "6.4.3", "An address stands where the master is; only what stands is announced.", "rehearse.TestSeeds TestWalk", "engine.TestNoAnnounceAfterFailedClaim", ""},
		{"I-7", "6.4.3", "Priority 0 is sent on leaving MASTER only.", "TestWalk rehearse.TestSeeds", "rehearse.TestSeeds", ""},
	}
}

func ledgerReceiving() []ledgerRule {
	return []ledgerRule{
		{"V-1", "7.1", "A header of 8 octets is there.", "TestV1Short", "TestV1Short", ""},
		{"V-2", "7.1", "TTL and hop limit are 255.", "TestV2TTL", "TestV2TTL", ""},
		{"V-3", "5.1.1.2, 5.1.2.2", "The destination is the group, or in unicast an address.", "TestV3Mode", "TestV3Mode TestU1U3Unicast", ""},
		{"V-4", "7.1", "The version is the router's.", "TestV4Version", "TestV4Version", ""},
		{"V-5", "7.1", "The type is 1.", "TestV5Type", "TestV5Type", ""},
		{"V-6", "7.1", "The VRID is configured on the interface.", "TestV6VRID node.TestStrangers", "TestV6VRID kernel/wire.TestFilter", ""},
		{"V-7", "7.1", "The packet is whole and no longer than it says.", "TestV7Length kernel/wire.TestOptionsAndPaddingAreNoPayload", "TestV7Length", ""},
		{"V-8", "7.1, EID 8299", "The count is not zero, unless the router has no address either: keepalived compares the counts. In strict mode it never is.", "TestV8Count rehearse.TestTransports", "TestV8Count", ""},
		{"V-9", "7.1", "The checksum is right.", "TestV9Checksum TestGolden", "TestV9Checksum TestBitFlips", ""},
		{"V-10", "7.1, EID 8301", "The interval is not zero.", "TestV10Interval0", "TestV10Interval0", ""},
		{"V-11", "7.1, EID 8300", "The first IPv6 address is link-local; only strict mode refuses another, as keepalived sends it.", "TestV11LinkLocal", "TestV11LinkLocal", ""},
		{"V-12", "RFC 2338 7.1", "Authentication is of the configured type and passes.", "TestV12Authentication", "TestV12Authentication TestF2_10AH", ""},
		{"V-13", "RFC 3768 7.1", "In version 2 the interval is the router's.", "TestV13Interval", "TestV13Interval", ""},
		{"V-14", "keepalived's auth_hmac", "A wrong signature changes nothing.", "TestHMACOrder", "TestHMACBitFlips TestH26RejectedTouchesNothing TestMutatedAdverts", ""},
		{"W-1", "7.1", "Another interval in version 3 is told and obeyed.", "TestIntervalIsTold TestFormat3", "TestV10Interval0", ""},
		{"W-2", "7.1", "Another list of addresses in version 3 is told and no reason to discard.", "TestFormat3 TestAddressListIsTold", "TestSkipSameMaster", ""},
		{"W-3", "RFC 3768 7.1", "Nor is it in version 2: the check may be made.", "TestFormat2", "TestAddressListIsTold", ""},
		{"W-4", "7.1, EID 8298", "An owner hears others in version 3 and tells it.", "TestS29TwoOwners", "TestS29OwnerIgnoresAdverts", ""},
		{"W-5", "keepalived", "It never discards for the list of addresses.", "TestFormat2", "TestSameAddressesLongest", ""},
	}
}
