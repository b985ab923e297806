package lua

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/dns/dnsmessage"
)

// maxAnswers is how many records of an answer a script sees.
const maxAnswers = 200

func dnsModule() Module {
	return Module{
		Name: "dns",
		Doc:  "Questions to name servers. dns.query asks one server and shows its answer, dns.lookup resolves a name as this host does.",
		Functions: []Function{
			{
				Name: "query", Doc: "asks a server; over UDP each second again, and three times at least within the timeout, until it answers", Params: []Value{arg("name", "string", "the name"), opt("type", "string", "A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT or ANY; A unless given")},
				Options: []Value{
					timeoutOption(),
					opt("server", "string", "host, host:port or [IPv6]:port; the first of /etc/resolv.conf unless given"),
					opt("tcp", "boolean", "asks over TCP at once; otherwise that is done when an answer does not fit"),
					opt("recurse", "boolean", "asks the server to ask others; true unless given"),
				},
				Returns: []Value{ret("dns.Answer", "the answer; also one that says that there is no such name")}, Fails: true, Acts: true, call: dnsQuery, accept: acceptQuery,
			},
			{
				Name: "lookup", Doc: "the addresses of a name, by /etc/hosts and the servers of /etc/resolv.conf", Params: []Value{arg("name", "string", "the name")},
				Options: []Value{timeoutOption()}, Returns: []Value{ret("string[]", "the addresses")}, Fails: true, Acts: true, call: dnsLookup,
			},
		},
		Classes: []Class{
			{Name: "dns.Answer", Doc: "What a server answered.", Fields: []Value{
				arg("rcode", "string", "NOERROR, NXDOMAIN, SERVFAIL, REFUSED, FORMERR, NOTIMP or a number"),
				arg("authoritative", "boolean", "whether the server is responsible for the name"),
				arg("recursion", "boolean", "whether it asks others"),
				arg("answers", "dns.Record[]", "the answers"),
				arg("authority", "dns.Record[]", "who is responsible"),
				arg("took", "number", "how long it took").in("s"),
			}},
			{Name: "dns.Record", Doc: "A record.", Fields: []Value{
				arg("name", "string", "without a dot at its end"),
				arg("type", "string", "for example A"),
				arg("ttl", "integer", "how long it may be kept").in("s"),
				arg("data", "string", "an address, a name, or the text; of MX, SRV and SOA its parts separated by spaces, as in a zone file"),
			}},
		},
	}
}

func dnsTypes() map[string]dnsmessage.Type {
	return map[string]dnsmessage.Type{
		"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "CNAME": dnsmessage.TypeCNAME, "MX": dnsmessage.TypeMX, "NS": dnsmessage.TypeNS,
		"PTR": dnsmessage.TypePTR, "SOA": dnsmessage.TypeSOA, "SRV": dnsmessage.TypeSRV, "TXT": dnsmessage.TypeTXT, "ANY": dnsmessage.TypeALL,
	}
}

// dnsQuery is dns.query(name [, type [, options]]).
func dnsQuery(c call) int {
	opts := c.options()
	query, packet := c.question(opts)
	server, err := c.nameServer(opts.text("server"))
	if err != nil {
		return c.fail("%v", err)
	}
	ctx, cancel := c.within(opts)
	defer cancel()
	begin := time.Now()
	networks := []string{"udp", "tcp"}
	if opts.flag("tcp", false) {
		networks = networks[1:]
	}
	c.s.meter.charge(c.l, 2*maxDatagram)
	var answer dnsmessage.Message
	for _, network := range networks {
		answer, err = askServer(ctx, network, server, packet, query)
		if err != nil {
			return c.fail("%s", netReason(err))
		}
		if !answer.Truncated {
			break
		}
	}
	return c.push(c.answerTable(&answer, time.Since(begin)))
}

// acceptQuery raises the errors of dns.query.
func acceptQuery(c call) {
	opts := c.options()
	c.question(opts)
	if server := opts.text("server"); server != "" {
		c.serverAddress(server)
	}
}

// question returns the question that the arguments are, as a message and packed, and
// raises an error for what cannot be asked.
func (c call) question(opts fields) (*dnsmessage.Message, []byte) {
	name := c.l.CheckString(1)
	number, ok := dnsTypes()[strings.ToUpper(c.l.OptString(2, "A"))]
	if !ok {
		c.l.ArgError(2, "want A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT or ANY")
	}
	owner, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	query := &dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: opts.flag("recurse", true)},
		Questions: []dnsmessage.Question{{Name: owner, Type: number, Class: dnsmessage.ClassINET}},
	}
	var packet []byte
	if err == nil {
		packet, err = query.Pack()
	}
	if err != nil {
		c.l.ArgError(1, "this is no name: "+err.Error())
	}
	return query, packet
}

// nameServer returns the address of the server to ask.
func (c call) nameServer(server string) (string, error) {
	if server == "" {
		text, err := c.readUpTo("/etc/resolv.conf", maxString)
		if err != nil {
			return "", fmt.Errorf("no server is given: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 1 && words[0] == "nameserver" {
				return net.JoinHostPort(words[1], "53"), nil
			}
		}
		return "", errors.New("no server is given, and /etc/resolv.conf has none")
	}
	return c.serverAddress(server), nil
}

// serverAddress is that of a server that is given.
func (c call) serverAddress(server string) string {
	if _, err := netip.ParseAddr(server); err == nil || !strings.Contains(server, ":") {
		return net.JoinHostPort(server, "53")
	}
	if _, _, err := splitHostPort(server); err != nil {
		c.l.RaiseError("%s: server: want host, host:port or [IPv6]:port: %s", c.name, err.Error())
	}
	return server
}

// askServer sends a query and waits for its answer. What is not the answer is
// passed over: anybody may send to a port. A datagram may be lost on either way: it is
// sent again each second, and two times at least before the deadline.
func askServer(ctx context.Context, network, server string, packet []byte, query *dnsmessage.Message) (m dnsmessage.Message, err error) {
	conn, err := dialer().DialContext(ctx, network, server)
	if err != nil {
		return m, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if network == "tcp" {
		packet = append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
	}
	if _, err := conn.Write(packet); err != nil {
		return m, err
	}
	patience := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, max(time.Until(deadline)/3, 50*time.Millisecond))
	}
	again := time.Now().Add(patience)
	buf := make([]byte, maxDatagram)
	for {
		n := 0
		if network == "tcp" {
			if _, err := io.ReadFull(conn, buf[:2]); err != nil {
				return m, err
			}
			n = int(binary.BigEndian.Uint16(buf))
			_, err = io.ReadFull(conn, buf[:n])
		} else {
			_ = conn.SetReadDeadline(again) // fails only for a closed one, as does what follows
			if ctx.Err() != nil {
				_ = conn.SetReadDeadline(time.Unix(1, 0))
			}
			if n, err = conn.Read(buf); errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
				if _, err := conn.Write(packet); err != nil {
					return m, err
				}
				again = time.Now().Add(patience)
				continue
			}
		}
		if err != nil {
			return m, err
		}
		bad := m.Unpack(buf[:n])
		if bad == nil && m.Response && m.ID == query.ID && slices.EqualFunc(m.Questions, query.Questions, sameQuestion) {
			return m, nil
		}
		if network == "tcp" {
			if bad == nil {
				bad = errors.New("it answers another question")
			}
			return m, fmt.Errorf("the answer cannot be read: %w", bad)
		}
	}
}

func sameQuestion(a, b dnsmessage.Question) bool {
	return a.Type == b.Type && a.Class == b.Class && strings.EqualFold(a.Name.String(), b.Name.String())
}

// answerTable makes the table that scripts see.
func (c call) answerTable(m *dnsmessage.Message, took time.Duration) *lua.LTable {
	tb := c.l.NewTable()
	tb.RawSetString("rcode", lua.LString(rcode(m.RCode)))
	tb.RawSetString("authoritative", lua.LBool(m.Authoritative))
	tb.RawSetString("recursion", lua.LBool(m.RecursionAvailable))
	tb.RawSetString("answers", c.records(m.Answers))
	tb.RawSetString("authority", c.records(m.Authorities))
	tb.RawSetString("took", lua.LNumber(took.Seconds()))
	return tb
}

func rcode(code dnsmessage.RCode) string {
	switch code {
	case dnsmessage.RCodeSuccess:
		return "NOERROR"
	case dnsmessage.RCodeFormatError:
		return "FORMERR"
	case dnsmessage.RCodeServerFailure:
		return "SERVFAIL"
	case dnsmessage.RCodeNameError:
		return "NXDOMAIN"
	case dnsmessage.RCodeNotImplemented:
		return "NOTIMP"
	case dnsmessage.RCodeRefused:
		return "REFUSED"
	}
	return fmt.Sprint(int(code))
}

func (c call) records(list []dnsmessage.Resource) *lua.LTable {
	out := c.l.NewTable()
	for i := range list[:min(len(list), maxAnswers)] {
		r := &list[i]
		kind, data := record(r.Body, r.Header.Type)
		c.s.meter.charge(c.l, costTable+4*costField+len(data))
		tb := c.l.NewTable()
		tb.RawSetString("name", lua.LString(undotted(r.Header.Name)))
		tb.RawSetString("type", lua.LString(kind))
		tb.RawSetString("ttl", lua.LNumber(r.Header.TTL))
		tb.RawSetString("data", lua.LString(data))
		out.Append(tb)
	}
	return out
}

func undotted(n dnsmessage.Name) string {
	name := n.String()
	if len(name) > 1 {
		name = strings.TrimSuffix(name, ".")
	}
	return name
}

// record renders the type and data of a record.
func record(body dnsmessage.ResourceBody, kind dnsmessage.Type) (name, data string) {
	switch b := body.(type) {
	case *dnsmessage.AResource:
		return "A", netip.AddrFrom4(b.A).String()
	case *dnsmessage.AAAAResource:
		return "AAAA", netip.AddrFrom16(b.AAAA).String()
	case *dnsmessage.CNAMEResource:
		return "CNAME", undotted(b.CNAME)
	case *dnsmessage.NSResource:
		return "NS", undotted(b.NS)
	case *dnsmessage.PTRResource:
		return "PTR", undotted(b.PTR)
	case *dnsmessage.MXResource:
		return "MX", fmt.Sprintf("%d %s", b.Pref, undotted(b.MX))
	case *dnsmessage.SRVResource:
		return "SRV", fmt.Sprintf("%d %d %d %s", b.Priority, b.Weight, b.Port, undotted(b.Target))
	case *dnsmessage.SOAResource:
		return "SOA", fmt.Sprintf("%s %s %d %d %d %d %d", undotted(b.NS), undotted(b.MBox), b.Serial, b.Refresh, b.Retry, b.Expire, b.MinTTL)
	case *dnsmessage.TXTResource:
		return "TXT", strings.Join(b.TXT, "")
	case *dnsmessage.UnknownResource:
		return fmt.Sprintf("TYPE%d", kind), fmt.Sprintf("%x", b.Data)
	}
	return fmt.Sprintf("TYPE%d", kind), ""
}

// dnsLookup is dns.lookup(name [, options]).
func dnsLookup(c call) int {
	name := c.l.CheckString(1)
	ctx, cancel := c.within(c.options())
	defer cancel()
	found, err := resolver().LookupNetIP(ctx, "ip", name)
	if err != nil {
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsTimeout || errors.Is(err, os.ErrDeadlineExceeded) {
			return c.fail("no answer in time")
		}
		return c.fail("%v", err)
	}
	list := c.l.NewTable()
	for _, ip := range found[:min(len(found), maxAnswers)] {
		list.Append(lua.LString(ip.Unmap().String()))
	}
	return c.push(list)
}
