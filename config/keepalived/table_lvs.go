package keepalived

// specialLVS are the rows of the IPVS part that are irregular.
func specialLVS() map[string]keyword {
	special := map[string]keyword{
		"/virtual_server":                        {min: 1, max: 2, named: true, handle: (*reader).beginVirtualServer, finish: (*reader).endVirtualServer},
		"/virtual_server_group":                  {line: (*reader).groupEntry, finish: (*reader).endServerGroup},
		"virtual_server/real_server":             {min: 1, max: 2, named: true, handle: (*reader).beginRealServer, finish: (*reader).endRealServer},
		"virtual_server/sorry_server":            {min: 1, max: 2, handle: (*reader).sorryServer},
		"virtual_server/sorry_server_inhibit":    {handle: (*reader).sorryServerOption},
		"virtual_server/sorry_server_lvs_method": {handle: (*reader).sorryServerOption},
		"virtual_server/lb_kind":                 {handle: (*reader).balanceMethod},
		"virtual_server/lvs_method":              {handle: (*reader).balanceMethod},
		"real_server/lvs_method":                 {handle: (*reader).method},
		"virtual_server/persistence_granularity": {min: 1, max: 1, handle: (*reader).granularity},
		"virtual_server/hashed":                  {handle: schedulerFlag("sh")},
		"virtual_server/sh-port":                 {handle: schedulerFlag("sh")},
		"virtual_server/sh-fallback":             {handle: schedulerFlag("sh")},
		"virtual_server/mh-port":                 {handle: schedulerFlag("mh")},
		"virtual_server/mh-fallback":             {handle: schedulerFlag("mh")},
		"real_server/UDP_CHECK":                  {finish: (*reader).endUDPCheck},
		"check/UDP_CHECK":                        {finish: (*reader).endUDPCheck},
		"real_server/MISC_CHECK":                 {finish: (*reader).endMiscCheck},
		"check/MISC_CHECK":                       {finish: (*reader).endMiscCheck},
		"MISC_CHECK/misc_path":                   {min: 1, max: -1, command: true, handle: (*reader).miscPath},
		"MISC_CHECK/user":                        {min: 1, max: 2, handle: (*reader).miscUser},
		"DNS_CHECK/name":                         {handle: (*reader).dnsName},
		"LUA_CHECK/arg":                          {min: 2, max: 2, repeats: true, handle: (*reader).pair},
		"PLUGIN_CHECK/option":                    {min: 2, max: 2, repeats: true, handle: (*reader).pair},
		"plugin/user":                            {min: 1, max: 2, handle: (*reader).pluginUser},
		"FILE_CHECK/weight":                      {min: 1, max: 2, handle: (*reader).fileWeight},
		"HTTP_GET/enable_sni":                    {handle: noEffect("HTTP_GET speaks no TLS")},
		"HTTP_GET/sni_name":                      {handle: noEffect("HTTP_GET speaks no TLS")},
		"PING_CHECK/connect_port":                {handle: noEffect("an ICMP echo has no port")},
		"PING_CHECK/bind_port":                   {handle: noEffect("an ICMP echo has no port")},
	}
	for _, check := range []string{"HTTP_GET", "SSL_GET"} {
		special[check+"/nb_get_retry"] = keyword{as: "retry"}
		special[check+"/url"] = keyword{finish: (*reader).endURL}
	}
	for _, check := range []string{"HTTP_GET", "SSL_GET", "TCP_CHECK", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "PING_CHECK", "GRPC_HEALTH", "AGENT_CHECK", "PLUGIN_CHECK", "host"} {
		special[check+"/bind_if"] = keyword{handle: (*reader).bindInterface}
		special[check+"/bindto"] = keyword{handle: (*reader).bindTo}
	}
	for _, url := range []string{"url", "TLSURL-url"} {
		special[url+"/status_code"] = keyword{handle: (*reader).statusCodes, repeats: true}
		special[url+"/regex_options"] = keyword{handle: (*reader).regexOptions, repeats: true}
		special[url+"/regex"] = keyword{min: 1, max: -1, command: true, handle: (*reader).regex}
	}
	return special
}
