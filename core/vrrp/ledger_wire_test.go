package vrrp

func ledgerConstants() []ledgerRule {
	return []ledgerRule{
		{"C-1", "5.1.1.4, 5.1.2.4", "The protocol number, and the IPv6 next header, is 112.", "TestHeader kernel/wire.TestWhatIsSent", "kernel/wire.TestForeignAH kernel/wire.TestFilter", ""},
		{"C-2", "5.1.1.2", "The IPv4 group is 224.0.0.18.", "TestHeader TestT3Group", "TestV3Mode", ""},
		{"C-3", "5.1.2.2", "The IPv6 group is ff02::12.", "TestHeader kernel/wire.TestWhatIsSentOverIPv6", "TestV3Mode", ""},
		{"C-4", "5.1.1.3, 5.1.2.3", "TTL and hop limit are 255.", "TestHeader kernel/wire.TestWhatIsSent", "TestV2TTL", ""},
		{"C-5", "7.3", "The virtual MAC address of IPv4 is 00-00-5E-00-01 and the VRID; it is used with use_vmac.", "kernel/vmac.TestKeep lab.TestHardwareSources", "kernel/vmac.TestKeep", ""},
		{"C-6", "7.3", "The virtual MAC address of IPv6 is 00-00-5E-00-02 and the VRID.", "lab.TestHardwareSources", "/config/build.TestDevices", ""},
		{"C-7", "5.2.3", "VRIDs are 1..255; IPv4 and IPv6 routers of one VRID are two.", "node.TestC7Keys TestFormat3", "TestV6VRID", ""},
		{"C-8", "5.2.4", "Priority 0 releases, 255 owns, 100 is the default.", "TestDefaults TestS15OwnerPreempts TestS11Priority0", "TestP6Owner", ""},
		{"C-9", "5.2.7, EID 8301", "Version 3 has intervals of 1..4095 centiseconds; 1 s is the default.", "TestFormat3 TestDefaults", "TestV10Interval0", ""},
		{"C-10", "RFC 3768 5.3.7", "Version 2 has intervals of 1..255 seconds; 1 s is the default.", "TestFormat2 TestDefaults", "TestV13Interval", ""},
		{"C-11", "6.1", "Preempt_Mode is True by default. Accept_Mode would be False; keepalived accepts unless no_accept stands there.", "TestDefaults", "TestS21NoAccept", ""},
		{"C-12", "5.2.5", "At most 255 addresses, as far as the packet fits the interface.", "TestFormat3 TestAppendFitsMaxLen TestC12MTU", "TestC12MTU kernel/wire.TestSendErrors", ""},
	}
}

func ledgerMessages() []ledgerRule {
	return []ledgerRule{
		{"F3-1", "5.2.1", "Version is 3.", "TestFormat3", "TestV4Version", ""},
		{"F3-2", "5.2.2", "Type is 1, the only one.", "TestFormat3", "TestV5Type", ""},
		{"F3-3", "5.2.3", "The VRID is the router's.", "TestFormat3", "TestV6VRID", ""},
		{"F3-4", "5.2.4", "An owner sends 255, others 1..254, and 0 only to release.", "TestFormat3 TestP6Owner", "rehearse.TestSeeds", ""},
		{"F3-5", "5.2.5, EID 8299", "There is at least one address.", "TestFormat3", "TestV8Count", ""},
		{"F3-6", "5.2.6", "The reserved bits are sent as zero and not looked at.", "TestFormat3", "TestFormat3", ""},
		{"F3-7", "5.2.7", "The interval is 12 bits of centiseconds.", "TestFormat3", "TestV10Interval0", ""},
		{"F3-8", "5.2.8", "There is a checksum.", "TestFormat3 TestGolden", "TestV9Checksum", ""},
		{"F3-9", "5.2.9", "The addresses are of the family of the IP header.", "TestFormat3 TestAppendFamilies", "TestV7Length TestV6VRID", ""},
		{"F3-10", "5.2.9, EID 8300", "The first IPv6 address is link-local.", "TestFormat3", "TestV11LinkLocal", ""},
		{"F3-11", "5.2", "Version 3 has no authentication fields.", "TestFormat3", "TestV7Length", ""},
		{"F3-12", "5.2", "The length follows from family and count.", "TestFormat3", "TestV7Length TestH9Length", ""},
		{"F3-13", "5.2.9", "Addresses are compared whatever their order.", "TestSameAddresses TestSameAddressesShuffled", "TestAddressListIsTold", ""},
		{"F2-1", "RFC 3768 5.3.1", "Version is 2, type 1.", "TestFormat2", "TestV4Version TestV5Type", ""},
		{"F2-2", "RFC 3768 5.3.3", "VRID, priority and count are those of version 3.", "TestFormat2", "TestV6VRID TestV8Count", ""},
		{"F2-3", "RFC 2338 5.3.6", "The authentication type is 0, 1 or 2.", "TestFormat2", "TestV12Authentication", ""},
		{"F2-4", "RFC 3768 5.3.7", "The interval is in whole seconds.", "TestFormat2", "TestV13Interval", ""},
		{"F2-5", "RFC 3768 5.3.8", "The checksum covers the authentication data and no pseudo header.", "TestFormat2", "TestFormat2 TestV9Checksum", ""},
		{"F2-6", "RFC 3768 5.3.10", "There are 8 octets of authentication data, zero or the padded password.", "TestFormat2 TestAppendIgnoresUnusedPassword", "TestFormat2", ""},
		{"F2-7", "RFC 3768 5.3", "The length follows from the count.", "TestFormat2", "TestV7Length", ""},
		{"F2-8", "keepalived", "IPv6 addresses in version 2 are not sent.", "TestAppendFamilies", "TestFormat2 TestV6VRID", ""},
		{"F2-9", "RFC 2338 5.3.6", "The password is where the message ends, and compared in constant time.", "TestFormat2", "TestFormat2 TestV12Authentication", ""},
		{"F2-10", "RFC 2338 5.3.6, RFC 2402", "AH: HMAC-MD5-96 over header and message, a sequence that grows.", "TestF2_10AH TestF2_10CapturedAH TestF2_10Start TestF2_10Peers", "TestF2_10Sequence TestF2_10UnicastTTL kernel/wire.TestForeignAH", ""},
	}
}

func ledgerSending() []ledgerRule {
	return []ledgerRule{
		{"T-1", "5.1.1.3, 5.1.2.3", "Adverts leave with TTL or hop limit 255.", "TestHeader kernel/wire.TestWhatIsSent kernel/wire.TestWhatIsSentOverIPv6", "TestU2Send", ""},
		{"T-2", "5.1.1.1, 5.1.2.1", "The source is the interface's primary IPv4 or its link-local IPv6 address.", "node.TestT2Source kernel.TestPrimaryIsNeverAVirtualAddress", "TestS32FaultWithoutSource", ""},
		{"T-3", "5.1.1.2, 5.1.2.2", "The destination is the group, or each peer.", "TestHeader TestT3Group TestU2Send", "TestV3Mode", ""},
		{"T-4", "5.1.1.4, 5.1.2.4", "The protocol is 112.", "TestHeader kernel/wire.TestWhatIsSent", "kernel/wire.TestFilter", ""},
		{"T-5", "7.2", "The Ethernet source is the virtual MAC address, with use_vmac and without vmac_xmit_base.", "lab.TestHardwareSources", "lab.TestHardwareSources", ""},
		{"T-6", "7.2", "A message is made of the configuration as it is when it leaves.", "TestS30ReconfigureMaster TestS30PayloadIsReplaced", "TestK8EveryPriority", ""},
		{"T-7", "keepalived", "TOS is 0xc0, there are no IP options; received ones are passed over.", "kernel/wire.TestWhatIsSent", "kernel/wire.TestOptionsAndPaddingAreNoPayload", ""},
		{"T-8", "5.1.1.2, 5.1.2.2", "Nothing that is sent to a group is forwarded.", "", "", "Linux forwards no multicast unless a program opens its multicast routing; nothing here does"},
		{"T-9", "7.4, RFC 7217", "The virtual MAC address makes no IPv6 interface identifier.", "kernel/vmac.TestNoMore", "kernel/vmac.TestNoMore", ""},
		{"T-10", "6.4.3", "Packets of one's own are not heard.", "kernel/wire.TestOwnPacketsAreNotLoopedBack kernel/wire.TestOwnPacketsAreNotLoopedBackOverIPv6", "TestS28OwnAddress TestS28Zone", ""},
	}
}

func ledgerChecksums() []ledgerRule {
	return []ledgerRule{
		{"K-1", "5.2.8, RFC 1071", "The sum is the one's complement of the one's complement sum.", "TestChecksumNaive TestChecksumCarries", "TestBitFlips", ""},
		{"K-2", "5.2.8", "Version 3 over IPv4 sums the message only.", "TestGolden TestFormat3", "TestK5StrictChecksum", ""},
		{"K-3", "5.2.8, RFC 8200 8.1", "Version 3 over IPv6 has a pseudo header.", "TestGolden TestFormat3 kernel/wire.TestWhatIsSentOverIPv6", "TestV9Checksum", ""},
		{"K-4", "RFC 3768 5.3.8", "Version 2 sums the message with its authentication data.", "TestFormat2", "TestFormat2", ""},
		{"K-5", "RFC 5798 5.2.8", "Both forms of version 3 over IPv4 are accepted and counted; one of them is sent.", "TestChecksumForms TestChecksumFormsAreCounted TestChecksumAmbiguous", "TestK5StrictChecksum", asKeepalived + "; `v3_checksum: rfc9568` is the RFC's"},
		{"K-6", "keepalived before 1.3.6", "The group may be the destination in the pseudo header of a unicast advert.", "TestK6OldChecksum", "TestK6OldChecksum", ""},
		{"K-7", "keepalived's auth_hmac", "The sum covers the trailer over IPv6 and does not over IPv4.", "TestHMACCaptured TestHMACPublished", "TestHMACBitFlips", ""},
		{"K-8", "RFC 1624", "Another priority has the sum that the whole message has.", "TestK8EveryPriority", "", "a sum is always computed anew, never adjusted: there is nothing that could differ"},
	}
}
