package keepalived

import (
	"crypto/sha256"
	"fmt"

	"github.com/moonkeep/moonkeep/config"
)

// A configuration of tens of thousands of real servers is read again for a few
// changes. A virtual_server that stands in its file letter by letter as it did, and
// of which there is nothing to say, is taken from the configuration that was read
// before: its real servers and their checks are the same in both, in the same
// memory. Its positions are in a part of the file of its own, which moves when
// lines above it come or go.

// serviceBlock is the block of which this is done.
const serviceBlock = "virtual_server"

// unchanged finds blocks in a configuration that was read before.
type unchanged map[config.Sum]*config.VirtualServer

// newUnchanged takes in the blocks of a configuration, which may be nil.
func newUnchanged(c *config.Config) unchanged {
	if c == nil {
		return nil
	}
	u := make(unchanged, len(c.VirtualServers))
	for i := range c.VirtualServers {
		if v := &c.VirtualServers[i]; settled(v) {
			u[v.At.Part().Sum()] = v
		}
	}
	return u
}

// service reads statement i of the top level, a block that may be unchanged. There
// were said findings before it. The result is as walk's.
func (r *reader) service(b *block, k *keyword, s *statement, i int32, said int) int32 {
	sum, at, alone := r.sum(s)
	if !alone {
		return r.one(b, k, s)
	}
	if v := r.unchanged[sum]; v != nil {
		delete(r.unchanged, sum) // another one of the same text is another one
		v.At.Part().Move(at.Line() - 1)
		r.takeOver(k, s, i, v)
		return none
	}
	before := len(r.cfg.VirtualServers)
	r.part, r.above = config.NewPart(at.File()), at.Line()-1
	r.part.Move(r.above)
	rest := r.one(b, k, s)
	if r.out.said == said && len(r.cfg.VirtualServers) > before && !dependent(&r.cfg.VirtualServers[before]) {
		r.sums[r.part] = sum
	}
	r.part = nil
	return rest
}

// settled reports whether a virtual server has been looked at when it was read before.
func settled(v *config.VirtualServer) bool { return v.At.Part().Sum() != (config.Sum{}) }

// takeOver makes a block that is unchanged, statement i, one of this configuration.
func (r *reader) takeOver(k *keyword, s *statement, i int32, v *config.VirtualServer) {
	for i := int(i) + 1; i < r.tree.statements.len(); i++ {
		inner := r.tree.statements.at(i)
		if inner.at() > s.close {
			break
		}
		if inner.hasBody && !r.affords(k, inner) {
			return
		}
	}
	r.wrote(k.bound.key, s.at(), true)
	if list := &r.cfg.VirtualServers; cap(*list) == 0 {
		*list = make([]config.VirtualServer, 0, r.more(s))
	}
	r.cfg.VirtualServers = append(r.cfg.VirtualServers, *v)
}

// sum returns that of the text of a block, and where it begins. It is alone if
// nothing but this text makes the block: no directive is in it and none has made
// it.
func (r *reader) sum(s *statement) (sum config.Sum, at config.Position, alone bool) {
	sp := r.src.span(s.at())
	if sp == nil || sp.runs != nil || !s.hasBody || int(s.close-sp.base) >= len(sp.text) {
		return sum, at, false
	}
	if n := len(r.src.dropped); n > 0 && r.src.dropped[n-1].to > s.at() {
		return sum, at, false
	}
	at = r.position(s.at())
	r.text = fmt.Appendf(r.text[:0], "%s:%d:", at.File(), at.Column())
	r.text = append(r.text, sp.text[s.at()-sp.base:s.close-sp.base]...)
	whole := sha256.Sum256(r.text)
	return config.Sum(whole[:len(sum)]), at, true
}

// dependent reports whether other blocks decide what becomes of a virtual server:
// its group, and the files and sessions that checks follow.
func dependent(v *config.VirtualServer) bool {
	if v.Group != "" {
		return true
	}
	for i := range v.RealServers {
		for k := range v.RealServers[i].Checks {
			if c := &v.RealServers[i].Checks[k]; c.File != nil || c.BFD != nil {
				return true
			}
		}
	}
	return false
}
