// Package dns is the check DNS_CHECK: a name server is healthy if it answers a query
// without an error. With answer, the answer must also contain one of the given values.
//
// As in keepalived, datagrams that are no answer to the query are ignored, and the
// content of the answer does not matter unless answer is given: a name server that has
// no such record, and says so without an error, is healthy.
package dns

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial"
)

type settings struct {
	Type   string   `json:"type"`
	Name   string   `json:"name"`
	Answer []string `json:"answer"`
}

// Checker is DNS_CHECK.
type Checker struct{}

// New is DNS_CHECK.
func New() *Checker { return &Checker{} }

// Info describes the checker.
func (*Checker) Info() checker.Info {
	return checker.Info{
		Name: "DNS_CHECK", Version: "1", Doc: "Queries a name server over UDP.",
		Options: []checker.Option{
			{Name: "type", Type: "string", Default: "SOA", Doc: "The record type to query: A, NS, CNAME, SOA, MX, TXT, AAAA, RRSIG, DNSKEY or another."},
			{Name: "name", Type: "string", Default: ".", Doc: "The name to query."},
			{Name: "answer", Type: "list", Doc: "At least one record of this type in the answer must have one of these values, written as in a zone file. A truncated answer is requested again over TCP."},
		},
	}
}

type probe struct {
	target checker.Target
	dialer *net.Dialer
	query  []byte
	kind   uint16
	text   string // of the query, for people
	answer []string
}

// Prepare makes the query.
func (*Checker) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	s := settings{Type: "SOA", Name: "."}
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	kind, ok := dns.StringToType[strings.ToUpper(s.Type)]
	if !ok {
		return nil, fmt.Errorf("type %q is no type of a record", s.Type)
	}
	name := dns.Fqdn(s.Name)
	if _, ok := dns.IsDomainName(name); !ok || s.Name == "" {
		return nil, fmt.Errorf("name %q cannot be asked for", s.Name)
	}
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	query, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("ask for %q: %w", s.Name, err)
	}
	if t.Address.Port() == 0 {
		return dial.Nowhere("DNS_CHECK"), nil
	}
	t.Address = netip.AddrPortFrom(t.Address.Addr().Unmap(), t.Address.Port())
	p := &probe{target: t, dialer: checker.Dialer(t), query: query, kind: kind, text: name + " " + dns.TypeToString[kind]}
	for _, a := range s.Answer {
		p.answer = append(p.answer, plain(a))
	}
	return p, nil
}

// Probe asks once. It never runs twice at once, so that the query may carry
// this run's id.
func (p *probe) Probe(ctx context.Context) checker.Result {
	begin := time.Now()
	r := p.ask(ctx, "udp")
	r.Latency = time.Since(begin)
	return r
}

// The head of RFC 1035 section 4.1.1.
const (
	headLen   = 12
	isReply   = 0x8000
	truncated = 0x0200
	rcodeMask = 0x000f
)

func (p *probe) ask(ctx context.Context, network string) checker.Result {
	c, err := p.dialer.DialContext(ctx, network, p.target.Address.String())
	if err != nil {
		if network == "tcp" {
			return checker.Failure(err, "the answer is cut short, and for the whole one connect to "+p.target.Address.String())
		}
		return checker.Failure(err, "connect to "+p.target.Address.String())
	}
	defer c.Close()
	defer dial.Within(ctx, c, dial.Deadline(ctx, p.target, time.Now()))()
	id := uint16(rand.Uint32())
	binary.BigEndian.PutUint16(p.query, id)
	if err := p.send(c, network); err != nil {
		return checker.Failure(err, "ask "+p.target.Address.String())
	}
	passed := 0
	for buf := make([]byte, 4096); ; passed++ {
		reply, err := receive(c, network, buf)
		if err != nil {
			r := checker.Failure(err, "wait for the answer of "+p.target.Address.String())
			if passed > 0 {
				r.Message += fmt.Sprintf(" (%d others were no answer to this query)", passed)
			}
			return r
		}
		if len(reply) < headLen || binary.BigEndian.Uint16(reply) != id || binary.BigEndian.Uint16(reply[2:])&isReply == 0 {
			continue
		}
		flags := binary.BigEndian.Uint16(reply[2:])
		if flags&truncated != 0 && len(p.answer) > 0 && network == "udp" && flags&rcodeMask == 0 {
			return p.ask(ctx, "tcp")
		}
		return p.judge(ctx, reply)
	}
}

func (p *probe) send(c net.Conn, network string) error {
	query := p.query
	if network == "tcp" {
		query = append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	}
	_, err := c.Write(query)
	return err
}

// receive reads a datagram, or a message with its length before it.
func receive(c net.Conn, network string, buf []byte) ([]byte, error) {
	if network != "tcp" {
		n, err := c.Read(buf)
		return buf[:n], err
	}
	m := &dns.Conn{Conn: c}
	return m.ReadMsgHeader(nil)
}

// judge says what an answer to the query is worth.
func (p *probe) judge(ctx context.Context, reply []byte) checker.Result {
	rcode := int(binary.BigEndian.Uint16(reply[2:]) & rcodeMask)
	r := checker.Result{Verdict: checker.OK, Message: p.text + ": " + rcodeText(rcode)}
	if rcode != dns.RcodeSuccess {
		r.Verdict = checker.Failed
	}
	want := checker.WantDetails(ctx)
	if !want && (len(p.answer) == 0 || rcode != dns.RcodeSuccess) {
		return r
	}
	var m dns.Msg
	err := m.Unpack(reply)
	if want {
		r.Details = []checker.Detail{{Name: "sent", Text: p.text}}
		if err != nil {
			r.Details = append(r.Details, checker.Detail{Name: "received", Text: fmt.Sprintf("%d bytes: %v", len(reply), err)})
		} else {
			r.Details = append(r.Details, checker.Detail{Name: "received", Text: m.String()})
		}
	}
	if len(p.answer) == 0 || rcode != dns.RcodeSuccess {
		return r
	}
	if err != nil {
		r.Verdict, r.Message = checker.Failed, p.text+": the answer is no DNS: "+err.Error()
		return r
	}
	var got []string
	for _, rr := range m.Answer {
		if rr.Header().Rrtype != p.kind {
			continue
		}
		text := data(rr)
		for _, a := range p.answer {
			if a == text {
				r.Message = p.text + ": " + text
				return r
			}
		}
		got = append(got, text)
	}
	r.Verdict, r.Message = checker.Failed, p.text+": the answer has no such record"
	if len(got) > 0 {
		const most = 5
		more := ""
		if len(got) > most {
			got, more = got[:most], ", ..."
		}
		r.Message = p.text + ": the answer is " + strings.Join(got, ", ") + more + ", expected " + strings.Join(p.answer, " or ")
	}
	return r
}

func rcodeText(rcode int) string {
	if s, ok := dns.RcodeToString[rcode]; ok {
		return s
	}
	return fmt.Sprintf("RCODE %d", rcode)
}

// data is what a record says, without its name, time and type, in the form in
// which texts are compared.
func data(rr dns.RR) string {
	if txt, ok := rr.(*dns.TXT); ok {
		return plain(strings.Join(txt.Txt, ""))
	}
	return plain(strings.TrimPrefix(rr.String(), rr.Header().String()))
}

// plain takes what makes no difference: case, the dots at the ends of names,
// quotes around a text, and more than one blank.
func plain(s string) string {
	words := strings.Fields(strings.ToLower(s))
	for i, w := range words {
		w = strings.Trim(w, `"`)
		if len(w) > 1 {
			w = strings.TrimSuffix(w, ".")
		}
		words[i] = w
	}
	return strings.Join(words, " ")
}
