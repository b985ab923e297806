package lua

import (
	"context"
	"net"
	"time"
)

// maxDatagram is the largest datagram.
const maxDatagram = 64 << 10

func udpModule() Module {
	return Module{
		Name: "udp",
		Doc:  "Datagrams.",
		Functions: []Function{
			{
				Name: "exchange", Doc: "sends a datagram and waits for the answer; without one the reason tells a port that is closed from silence",
				Params:  []Value{arg("address", "string", "host:port or [IPv6]:port"), arg("text", "string", "what to send")},
				Options: []Value{timeoutOption()}, Returns: []Value{ret("string", "the answer")}, Fails: true, Acts: true, call: udpExchange, accept: func(c call) { c.split(1, "udp") },
			},
			{
				Name: "receive", Doc: "waits on an address of this host for a datagram", Params: []Value{arg("address", "string", "host:port, [IPv6]:port, or :port for all addresses")},
				Options: []Value{timeoutOption()}, Returns: []Value{ret("string", "the datagram"), ret("string", "who sent it, address:port")}, Fails: true, Grant: GrantListen, Acts: true, call: udpReceive, accept: func(c call) { c.split(1, "udp") },
			},
		},
	}
}

// udpExchange is udp.exchange(address, text [, options]).
func udpExchange(c call) int {
	_, address := c.split(1, "udp")
	text, opts := c.l.CheckString(2), c.options()
	ctx, cancel := c.within(opts)
	defer cancel()
	conn, err := dialer().DialContext(ctx, "udp", address)
	if err != nil {
		return c.fail("%s", netReason(err))
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write([]byte(text)); err != nil {
		return c.fail("%s", netReason(err))
	}
	c.s.meter.charge(c.l, maxDatagram)
	answer := make([]byte, maxDatagram)
	n, err := conn.Read(answer)
	if err != nil {
		return c.fail("%s", netReason(err))
	}
	return c.text(string(answer[:n]))
}

// udpReceive is udp.receive(address [, options]).
func udpReceive(c call) int {
	_, address := c.split(1, "udp")
	ctx, cancel := c.within(c.options())
	defer cancel()
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	if err != nil {
		return c.fail("%s", netReason(err))
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	c.s.meter.charge(c.l, maxDatagram)
	text := make([]byte, maxDatagram)
	n, from, err := conn.ReadFrom(text)
	if err != nil {
		return c.fail("%s", netReason(err))
	}
	return c.text(string(text[:n])) + c.text(from.String())
}
