package config

import (
	"net/netip"
	"time"
)

// Check is one check of a real server: exactly one of the fields is set.
type Check struct {
	// A request by HTTP.
	HTTP *HTTPCheck `key:"HTTP_GET" form:"block" tier:"1"`
	// A request by HTTPS.
	SSL *SSLCheck `key:"SSL_GET" form:"block" tier:"1"`
	// A TCP connection.
	TCP *TCPCheck `key:"TCP_CHECK" form:"block" tier:"1"`
	// A dialogue with a mail server.
	SMTP *SMTPCheck `key:"SMTP_CHECK" form:"block" tier:"1"`
	// A query of a name server.
	DNS *DNSCheck `key:"DNS_CHECK" form:"block" tier:"2"`
	// A UDP datagram.
	UDP *UDPCheck `key:"UDP_CHECK" form:"block" tier:"2"`
	// An ICMP echo.
	Ping *PingCheck `key:"PING_CHECK" form:"block" tier:"2"`
	// A program.
	Misc *MiscCheck `key:"MISC_CHECK" form:"block" tier:"1"`
	// The number in a track_file.
	File *FileCheck `key:"FILE_CHECK" form:"block" tier:"3"`
	// A BFD session.
	BFD *BFDCheck `key:"BFD_CHECK" form:"block" tier:"2"`
	// A Lua script.
	Lua *LuaCheck `key:"LUA_CHECK" form:"block" own:"true" tier:"1"`
	// The health service of gRPC.
	GRPC *GRPCCheck `key:"GRPC_HEALTH" form:"block" own:"true" tier:"2"`
	// An agent on the server, which tells its weight too.
	Agent *AgentCheck `key:"AGENT_CHECK" form:"block" own:"true" tier:"2"`
	// A plugin that is not one of moonkeep's own.
	Plugin *PluginCheck `key:"plugin" word:"PLUGIN_CHECK" form:"block" own:"true" tier:"2"`
}

// Kind is the keyword of the check.
func (c *Check) Kind() string {
	switch {
	case c.HTTP != nil:
		return "HTTP_GET"
	case c.SSL != nil:
		return "SSL_GET"
	case c.TCP != nil:
		return "TCP_CHECK"
	case c.SMTP != nil:
		return "SMTP_CHECK"
	case c.DNS != nil:
		return "DNS_CHECK"
	case c.UDP != nil:
		return "UDP_CHECK"
	case c.Ping != nil:
		return "PING_CHECK"
	case c.Misc != nil:
		return "MISC_CHECK"
	case c.File != nil:
		return "FILE_CHECK"
	case c.BFD != nil:
		return "BFD_CHECK"
	case c.Lua != nil:
		return "LUA_CHECK"
	case c.GRPC != nil:
		return "GRPC_HEALTH"
	case c.Agent != nil:
		return "AGENT_CHECK"
	case c.Plugin != nil:
		return "PLUGIN_CHECK"
	}
	return ""
}

// At is where the check was written; the zero Position when that is not known.
func (c *Check) At() Position {
	switch {
	case c.HTTP != nil:
		return c.HTTP.At
	case c.SSL != nil:
		return c.SSL.At
	case c.TCP != nil:
		return c.TCP.At
	case c.SMTP != nil:
		return c.SMTP.At
	case c.DNS != nil:
		return c.DNS.At
	case c.UDP != nil:
		return c.UDP.At
	case c.Ping != nil:
		return c.Ping.At
	case c.Misc != nil:
		return c.Misc.At
	case c.File != nil:
		return c.File.At
	case c.BFD != nil:
		return c.BFD.At
	case c.Lua != nil:
		return c.Lua.At
	case c.GRPC != nil:
		return c.GRPC.At
	case c.Agent != nil:
		return c.Agent.At
	case c.Plugin != nil:
		return c.Plugin.At
	}
	return Position{}
}

// Timing is when a check runs and how many failures it tolerates.
type Timing struct {
	// How many failures in a row it tolerates before it fails.
	Retry *int `key:"retry" range:"0..4294967295" unit:"count" inherits:"the real server's retry; else 1, MISC_CHECK 0, DNS_CHECK 3" tier:"1"`
	// How long after a failure it is repeated.
	DelayBeforeRetry *time.Duration `key:"delay_before_retry" range:"0s.." inherits:"the real server's delay_before_retry; else 1s, HTTP_GET and SSL_GET 3s, DNS_CHECK delay_loop" tier:"1"`
	// The longest random delay before it runs for the first time.
	Warmup *time.Duration `key:"warmup" range:"0s.." inherits:"the real server's warmup, else delay_loop" tier:"2"`
	// The time between two runs.
	DelayLoop *time.Duration `key:"delay_loop" range:"1us.." inherits:"the real server's delay_loop" tier:"1"`
	// It counts as failed until it first succeeds.
	Alpha *bool `key:"alpha" inherits:"the real server's alpha" tier:"2"`
	// Each failure of what works is logged, not only the one that changes the state.
	LogAllFailures *bool `key:"log_all_failures" inherits:"global checker_log_all_failures" tier:"3"`
	Patience
}

// Patience is what results come to that are not clear: how many it takes, and
// what becomes of a check that has none.
type Patience struct {
	// How many successes in a row it takes to work again. The first result
	// decides alone, unless the check counts as failed until it succeeds and rise
	// is written.
	Rise *int `key:"rise" own:"true" range:"1..1048576" unit:"count" inherits:"what is around it; else 1, HTTP_GET and SSL_GET without fast_recovery 2" tier:"2"`
	// How many failures in a row it takes to fail: another way to say retry,
	// which is one less. The first result decides alone, but that of an SMTP_CHECK.
	Fall *int `key:"fall" own:"true" range:"1..1048576" unit:"count" inherits:"what is around it, else retry + 1" tier:"2"`
	// The time until the next run while results contradict the state: after a
	// failure of what works, and after a success of what does not.
	FastInterval *time.Duration `key:"fast_interval" own:"true" range:"1ms.." inherits:"what is around it, else delay_before_retry" tier:"2"`
	// What a check comes to that has no result for unknown_grace, because its
	// plugin died or does not answer: its last verdict, a failure or a success.
	OnUnknown string `key:"on_unknown" own:"true" enum:"keep,fail,ok" inherits:"what is around it, else keep" tier:"3"`
	// How long the last verdict stands while there is no result.
	UnknownGrace *time.Duration `key:"unknown_grace" own:"true" range:"0s.." inherits:"what is around it, else three times delay_loop" tier:"3"`
}

// Target is where and how a check connects.
type Target struct {
	// The address it connects to.
	ConnectIP netip.Addr `key:"connect_ip" inherits:"the real server's address" tier:"2"`
	// The port it connects to.
	ConnectPort int `key:"connect_port" range:"1..65535" inherits:"the real server's port" tier:"1"`
	// The local address it connects from.
	BindTo netip.Addr `key:"bindto" tier:"2"`
	// The local port it connects from.
	BindPort int `key:"bind_port" range:"1..65535" tier:"3"`
	// The interface it connects through; a link-local address needs one.
	BindIf string `key:"bind_if" tier:"3"`
	// The time that the connection may take, and each reply again.
	ConnectTimeout *time.Duration `key:"connect_timeout" range:"1us..4294.967295s" inherits:"the real server's connect_timeout" tier:"1"`
	// The firewall mark of its packets.
	Fwmark uint32 `key:"fwmark" range:"0..4294967295" tier:"3"`
	// The network namespace that it connects from.
	NetNamespace string `key:"net_namespace" own:"true" inherits:"the virtual server's net_namespace" tier:"3"`
}

// TCPCheck is a TCP_CHECK: it succeeds when a connection is accepted.
type TCPCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	Target
	Timing
}

// PingCheck is a PING_CHECK: it succeeds when an ICMP echo is answered. The
// ports have no effect.
type PingCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	Target
	Timing
}

// SMTPCheck is an SMTP_CHECK: it succeeds when a mail server greets and
// answers HELO.
type SMTPCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The name that HELO gives.
	HeloName string `key:"helo_name" default:"smtpchecker.keepalived.org" tier:"1"`
	// The server must speak TLS after STARTTLS.
	StartTLS bool `key:"starttls" own:"true" tier:"2"`
	// The name that is sent in the TLS handshake, and that the certificate is
	// verified for.
	SNIName string `key:"sni_name" own:"true" inherits:"the address" tier:"3"`
	TLS
	Target
	Timing
	// Further hosts to test, each by a check of its own. The real server itself is tested
	// beside them only where the check has a key of where or how to connect: connect_ip,
	// connect_port, bindto, bind_port, bind_if, connect_timeout or fwmark. Of these a host
	// takes over connect_timeout; of the others what it does not say is as the check says.
	Hosts []SMTPHost `key:"hosts" word:"host" form:"block" tier:"3"`
}

// SMTPHost is a host of an SMTP_CHECK.
type SMTPHost struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	Target
	Timing
}

// DNSCheck is a DNS_CHECK: it succeeds when a name server answers without an
// error.
type DNSCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The type of the records that are asked for.
	Type string `key:"type" enum:"A,NS,CNAME,SOA,MX,TXT,AAAA,RRSIG,DNSKEY" default:"SOA" tier:"1"`
	// The name that is asked for.
	Name string `key:"name" default:"." tier:"1"`
	// What the answer must hold: the data of at least one of its records of
	// this type is one of these texts.
	Answer []string `key:"answer" form:"words" own:"true" tier:"2"`
	Target
	Timing
}

// UDPCheck is a UDP_CHECK: it sends a datagram, and fails when the port is
// reported closed, or when a reply that is required does not come.
type UDPCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// What the datagram holds, in hexadecimal.
	Payload Hex `key:"payload" form:"words" tier:"2"`
	// A reply is required; with hexadecimal digits behind it, one that begins
	// with these bytes. An X stands for any digit.
	RequireReply Reply `key:"require_reply" form:"optional" bare:"true" tier:"2"`
	// The least length of a reply whose bytes are given.
	MinReplyLength int `key:"min_reply_length" range:"0..65535" unit:"bytes" tier:"3"`
	// The greatest length of a reply whose bytes are given.
	MaxReplyLength int `key:"max_reply_length" range:"0..65535" unit:"bytes" default:"255" tier:"3"`
	Target
	Timing
}

// MiscCheck is a MISC_CHECK: it succeeds when a program exits with 0.
type MiscCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The program, with its arguments.
	MiscPath *Program `key:"misc_path" form:"command" required:"true" tier:"1"`
	// How long the program may run.
	MiscTimeout *time.Duration `key:"misc_timeout" range:"0s..4294967295s" whole:"true" inherits:"delay_loop" tier:"1"`
	// An exit status of 2..255 is a success that sets the real server's weight
	// to the status less 2.
	MiscDynamic bool `key:"misc_dynamic" tier:"2"`
	// The account that the program runs under.
	User string `key:"user" form:"special" inherits:"global script_user" tier:"2"`
	// The group that the program runs under.
	Group string `key:"group" word:"-" inherits:"the user's group" tier:"2"`
	Timing
}

// FileCheck is a FILE_CHECK: the number in a track_file changes the weight of
// the real server.
type FileCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The track_file that is followed.
	TrackFile string `key:"track_file" required:"true" tier:"3"`
	// What the number is multiplied by before it is added to the weight; 0
	// means that any number but 0 is a failure.
	Weight *int `key:"weight" form:"special" range:"-2147483647..2147483647" inherits:"the track_file's weight" tier:"3"`
	// The sign of the number is turned.
	Reverse *bool `key:"reverse" word:"-" inherits:"false beside a weight here, else the track_file's reverse" tier:"3"`
}

// BFDCheck is a BFD_CHECK: it follows a bfd_instance.
type BFDCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The bfd_instance that is followed.
	Name string `key:"name" required:"true" tier:"2"`
	// It counts as failed until the session is up.
	Alpha *bool `key:"alpha" inherits:"the real server's alpha" tier:"2"`
}
