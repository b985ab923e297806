package keepalived

// specialVRRP are the rows of everything but IPVS that their tags do not
// describe, or not wholly, under BLOCK/KEYWORD. The rest of their row is made
// of the tags of the configuration's types.
func specialVRRP() map[string]keyword {
	all := map[string]keyword{}
	add := func(block string, rows map[string]keyword) {
		for word, k := range rows {
			all[block+"/"+word] = k
		}
	}
	add("", specialRoot())
	add("global_defs", specialGlobal())
	add("vrrp_script", specialScript())
	add("vrrp_instance", specialInstance())
	add("vrrp_instance", specialTracks())
	add("vrrp_instance", specialNotify())
	add("vrrp_sync_group", specialTracks())
	add("vrrp_sync_group", specialNotify())
	add("vrrp_sync_group", map[string]keyword{"group": {line: (*reader).member}})
	add("authentication", map[string]keyword{"auth_type": {handle: (*reader).authType}, "auth_pass": {handle: (*reader).authPass}})
	add("auth_hmac", map[string]keyword{"key": {min: 2, max: 2, handle: (*reader).hmacKey, repeats: true}})
	add("track_file", map[string]keyword{
		"weight":    {min: 1, max: 2, handle: weightWord(mostFileWeight)},
		"init_file": {max: 2, handle: (*reader).initFile},
	})
	add("vrrp_track_process", map[string]keyword{"weight": {min: 1, max: 2, handle: weightWord(mostFileWeight)}})
	add("bfd_instance", map[string]keyword{"weight": {min: 1, max: 2, handle: weightWord(mostWeight)}})
	add("garp_group", map[string]keyword{"interface": {handle: (*reader).deviceKeyword}})
	return all
}

// specialRoot are the blocks at the top level of the file.
func specialRoot() map[string]keyword {
	return map[string]keyword{
		"vrrp_script":              {finish: (*reader).endScript},
		"vrrp_instance":            {handle: (*reader).beginInstance, finish: (*reader).endInstance},
		"vrrp_sync_group":          {handle: (*reader).beginGroup, finish: (*reader).endGroup},
		"track_file":               {finish: (*reader).endTrackFile},
		"vrrp_track_file":          {finish: (*reader).endTrackFile},
		"vrrp_track_process":       {finish: (*reader).endTrackProcess},
		"bfd_instance":             {finish: (*reader).endBFD},
		"static_ipaddress":         {line: (*reader).staticAddress},
		"static_routes":            {line: (*reader).routeLine},
		"static_rules":             {line: (*reader).ruleLine},
		"linkbeat_interfaces":      {line: (*reader).linkbeatLine},
		"interface_up_down_delays": {line: (*reader).delayLine},
	}
}

// specialScript are the rows of vrrp_script.
func specialScript() map[string]keyword {
	return map[string]keyword{
		"script":   {min: 1, max: -1, command: true, handle: (*reader).scriptCommand},
		"interval": {handle: (*reader).scriptInterval},
		"timeout":  {handle: (*reader).scriptTimeout},
		"rise":     {handle: atMost(setField)},
		"fall":     {handle: atMost(setField)},
		"weight":   {min: 1, max: 2, handle: (*reader).scriptWeight},
		"user":     {min: 1, max: 2, handle: (*reader).scriptUserGroup},
		"check":    {finish: (*reader).endScriptCheck},
	}
}

// specialInstance are the rows of vrrp_instance.
func specialInstance() map[string]keyword {
	return map[string]keyword{
		"state":                      {handle: (*reader).state, repeats: true},
		"interface":                  {handle: (*reader).instanceInterface, vital: true},
		"virtual_router_id":          {handle: (*reader).virtualRouterID, vital: true},
		"priority":                   {handle: (*reader).priorityNumber},
		"nopreempt":                  {handle: preemption(true)},
		"preempt":                    {handle: preemption(false)},
		"mcast_src_ip":               {handle: (*reader).sourceAddress},
		"unicast_src_ip":             {handle: (*reader).sourceAddress},
		"mcast_dst_ip":               {handle: (*reader).destinationGroup},
		"native_ipv6":                {handle: (*reader).nativeIPv6},
		"v3_checksum_as_v2":          {max: 1, handle: (*reader).checksum},
		"skip_check_adv_addr":        {handle: (*reader).skipCheck},
		"unicast_peer":               {line: (*reader).peerLine},
		"virtual_ipaddress":          {line: (*reader).virtualAddress},
		"virtual_ipaddress_excluded": {line: (*reader).excludedAddress},
		"virtual_routes":             {line: (*reader).routeLine},
		"virtual_rules":              {line: (*reader).ruleLine},
		"use_vmac":                   {max: -1, handle: (*reader).useVMAC},
		"use_ipvlan":                 {max: -1, handle: (*reader).useIPVLAN},
		"garp_master_repeat":         {handle: atMost(atLeast(1))},
		"garp_master_refresh_repeat": {handle: atMost(atLeast(1))},
		"garp_lower_prio_repeat":     {handle: atMost(setField)},
		"garp_extra_if":              {min: 1, max: 2, handle: extraInterface(0)},
		"vmac_garp_intvl":            {min: 1, max: 2, handle: extraInterface(0)},
		"notify_deleted":             {max: -1, command: true, handle: (*reader).notifyDeleted},
		"lvs_sync_daemon_interface":  {handle: (*reader).deviceKeyword},
		"authentication":             {finish: (*reader).endAuthentication},
		"auth_hmac":                  {finish: (*reader).endHMAC, vital: true},
	}
}

// specialTracks are the trackers of an instance or a group.
func specialTracks() map[string]keyword {
	rows := map[string]keyword{}
	for _, word := range []string{"track_interface", "track_script", "track_file", "track_process", "track_bfd"} {
		rows[word] = keyword{line: trackList(word)}
	}
	return rows
}

// specialNotify are the programs of an instance or a group.
func specialNotify() map[string]keyword {
	rows := map[string]keyword{}
	for _, word := range []string{"notify_master", "notify_backup", "notify_fault", "notify_stop", "notify"} {
		// A program and a Lua file may both be told of all changes.
		rows[word] = keyword{handle: (*reader).notifyProgram, repeats: word == "notify"}
	}
	return rows
}
