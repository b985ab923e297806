package engine

import (
	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
)

// NewBFD returns an event to be filled and handed to BFD.
func (e *Engine) NewBFD() *node.BFDReceived { return e.bfdPackets.Get().(*node.BFDReceived) }

// BFD takes a received BFD packet; it is dropped when the inbox is full.
func (e *Engine) BFD(p *node.BFDReceived) {
	select {
	case e.inbox <- p:
		e.opts.Alarm.Ring()
	default:
		e.dropped.Add(1)
		e.bfdPackets.Put(p)
	}
}

// sendBFD sends one BFD packet and tells the node when sending begins or ceases
// to fail, as send does.
func (e *Engine) sendBFD(a *node.Action) {
	err := e.kernel.SendBFD(a)
	if (err != nil) == e.bfdFailed[a.Session] {
		return
	}
	failure := ""
	if err != nil {
		failure = err.Error()
	}
	select {
	case e.inbox <- &node.BFDSendFailed{Session: a.Session, Failure: failure}:
		if err != nil {
			e.bfdFailed[a.Session] = true
		} else {
			delete(e.bfdFailed, a.Session)
		}
		e.opts.Alarm.Ring()
	default: // told at the next packet
	}
}

// sessions returns what the kernel needs to know of the BFD sessions of one or
// two plans. Of a session that both have the last counts.
func sessions(plans ...*Plan) []bfd.Config {
	var list []bfd.Config
	at := map[bfd.Path]int{}
	for _, p := range plans {
		for i := range p.Node.Sessions {
			c := p.Node.Sessions[i].BFD
			if j, ok := at[c.Path]; ok {
				list[j] = c
				continue
			}
			at[c.Path] = len(list)
			list = append(list, c)
		}
	}
	return list
}
