package checker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

// maxLogs bounds the lines of the log that wait to be sent; further ones are
// dropped, and the next line that is sent says how many.
const maxLogs = 64

// answer adds the result of a start to what is to be sent. It leaves with those
// of the probes that are under way, if they come soon.
func (s *session) answer(r *checkerpb.Result) {
	s.mu.Lock()
	s.results = append(s.results, r)
	s.under--
	full := len(s.results) >= maxBatch
	all, some := s.under == 0 || full, len(s.results) == 1
	gather := s.gather && !full
	s.mu.Unlock()
	if !gather {
		s.leave(all, some)
	}
}

// leave has results leave at once when all are there, and otherwise soon.
func (s *session) leave(all, some bool) {
	if all {
		s.poke()
	} else if some {
		s.hold.Reset(pace)
	}
}

// add changes what is to be sent.
func (s *session) add(change func()) {
	s.mu.Lock()
	change()
	s.mu.Unlock()
	s.poke()
}

// poke has the sender look for what is to be sent.
func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // the sender has been woken and has not looked yet
	}
}

// take is what is to be sent now; more says that it is not all.
func (s *session) take() (m *checkerpb.FromPlugin, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, s.out = s.out, &checkerpb.FromPlugin{}
	n := min(len(s.results), maxBatch)
	m.Results = s.results[:n:n]
	s.results = s.results[n:]
	s.hold.Stop()
	return m, len(s.results) > 0
}

// deliver sends until the context ends; the first error ends it too.
func (s *session) deliver() error {
	t := time.NewTimer(0)
	defer t.Stop()
	var last time.Time // when something left
	for {
		select {
		case <-s.wake:
		case <-s.ctx.Done():
			return nil
		}
		if rest := pace - time.Since(last); rest > 0 {
			t.Reset(rest)
			select {
			case <-t.C:
			case <-s.ctx.Done():
				return nil
			}
		}
		for more := true; more; {
			var m *checkerpb.FromPlugin
			if m, more = s.take(); empty(m) {
				break
			}
			if err := s.send(m); err != nil {
				return fmt.Errorf("send to the host: %w", err)
			}
		}
		last = clock.Now()
	}
}

func empty(m *checkerpb.FromPlugin) bool {
	return len(m.Results) == 0 && len(m.Prepared) == 0 && len(m.Logs) == 0 && m.Pong == 0
}

// hello is who the checker is, for the host.
func hello(info Info) *checkerpb.Hello {
	h := &checkerpb.Hello{Name: info.Name, Version: info.Version, Doc: info.Doc, Needs: info.Needs}
	for _, o := range info.Options {
		h.Options = append(h.Options, &checkerpb.Option{
			Name: o.Name, Type: o.Type, Unit: o.Unit, Default: o.Default, Doc: o.Doc, Required: o.Required, Secret: o.Secret,
		})
	}
	return h
}

// cut shortens a text to at most n bytes, and makes it one that protobuf
// takes: invalid UTF-8 becomes the replacement character.
func cut(text string, n int) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// logger is where a check's probes log.
func (s *session) logger(check uint32) *slog.Logger {
	return slog.New(&logHandler{session: s, check: check, has: true})
}

// logHandler sends lines to the host.
type logHandler struct {
	session *session
	check   uint32
	has     bool // check is one
	group   string
	attrs   []string // names and values
}

func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	line := &checkerpb.Log{Level: int32(r.Level), Message: cut(r.Message, maxMessage), Check: h.check, HasCheck: h.has, Attributes: h.attrs}
	r.Attrs(func(a slog.Attr) bool {
		line.Attributes = appendAttr(line.Attributes[:len(line.Attributes):len(line.Attributes)], h.group, a)
		return true
	})
	s := h.session
	s.add(func() {
		if len(s.out.Logs) >= maxLogs {
			s.dropped++
			return
		}
		if s.dropped > 0 {
			line.Attributes = append(line.Attributes, "dropped_before", fmt.Sprint(s.dropped))
			s.dropped = 0
		}
		s.out.Logs = append(s.out.Logs, line)
	})
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = c.attrs[:len(c.attrs):len(c.attrs)]
	for _, a := range attrs {
		c.attrs = appendAttr(c.attrs, h.group, a)
	}
	return &c
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	c := *h
	if name != "" {
		c.group += name + "."
	}
	return &c
}

// appendAttr flattens groups, as the host's log does not know them.
func appendAttr(list []string, group string, a slog.Attr) []string {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		return append(list, cut(group+a.Key, maxMessage), cut(v.String(), maxDetail))
	}
	if a.Key != "" {
		group += a.Key + "."
	}
	for _, in := range v.Group() {
		list = appendAttr(list, group, in)
	}
	return list
}
