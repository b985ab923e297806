package keepalived

import (
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// luaPrefix marks a program that is a Lua file: script "lua:/path/check.lua".
// It is ours; keepalived has nothing like it.
const luaPrefix = "lua:"

// script is a vrrp_script being read.
type script struct {
	config.Script
	at       pos
	timeout  *time.Duration
	interval *time.Duration
	rise     *int
	fall     *int
	damaged  bool
	meant    map[string]bool
	used     bool
}

func (r *reader) beginScript(s *statement) {
	r.script, r.meant, r.damaged = &script{at: s.at()}, map[string]bool{}, false
	r.script.Name, r.script.At = r.objectName(s)
}

func (r *reader) endScript(*statement) {
	c := r.script
	r.script, c.damaged, c.meant = nil, r.damaged, r.meant
	r.meant = nil
	c.Interval = or(c.interval, time.Second)
	c.Timeout = or(c.timeout, c.Interval)
	c.Rise, c.Fall = or(c.rise, 1), or(c.fall, 1)
	if c.Argv == nil && c.Lua == "" && !c.damaged && !c.meant["script"] {
		r.out.error(c.at, "missing-keyword", "vrrp_script %s has no script: what would it run?", printable(c.Name))
	}
	if other := r.scriptNamed[c.Name]; other != nil {
		r.out.error(c.at, "duplicate-name", "vrrp_script %s is defined twice, first on %s", printable(c.Name), lineOf(other.At, c.At.File))
		return
	}
	r.scriptNamed[c.Name] = c
	r.scripts = append(r.scripts, c)
}

// objectName returns the name of a block and where it stands.
func (r *reader) objectName(s *statement) (string, config.Position) {
	if len(s.words) < 2 {
		return "", r.src.position(s.at())
	}
	return s.words[1].text, r.src.position(s.words[1].at)
}

// command reads the program of a script-valued keyword: the words of the
// first argument, or the Lua file that it names. The words behind it are
// returned too, for those keywords that take a user there.
func (r *reader) command(s *statement) (argv []string, lua string, rest []string) {
	last := s.words[len(s.words)-1]
	if last.open {
		r.damaged = true
		return nil, "", nil
	}
	words, err := commandWords(r.src.slice(s.words[1].at, last.end()))
	if err == nil && len(words) > 0 {
		argv, err = commandWords(words[0])
		rest = words[1:]
	}
	switch {
	case err != nil:
		r.damaged = true
		r.out.error(s.words[1].at, "unterminated-quote", "%s: a quote within the command is not closed", s.words[0].text)
		return nil, "", nil
	case len(argv) == 0:
		r.damaged = true
		r.out.error(s.words[1].at, "missing-argument", "%s names no program", s.words[0].text)
		return nil, "", nil
	}
	if path, ok := strings.CutPrefix(argv[0], luaPrefix); ok {
		if path == "" || len(argv) > 1 {
			r.damaged = true
			r.out.error(s.words[1].at, "bad-lua", `%s "lua:PATH" takes one path and nothing behind it`, s.words[0].text)
			return nil, "", nil
		}
		return nil, path, rest
	}
	return argv, "", rest
}

func (r *reader) scriptCommand(s *statement) {
	var rest []string
	r.script.Argv, r.script.Lua, rest = r.command(s)
	if len(rest) > 0 {
		r.out.warn(s.words[min(2, len(s.words)-1)].at, "surplus-words", "keepalived runs the script without what follows its first word, and so does this; put the whole command in double quotes")
	}
}

func (r *reader) scriptInterval(s *statement) {
	d, ok := r.seconds(s.words[1], "interval", 0, longest)
	if !ok {
		r.damaged = true
		return
	}
	if d == 0 {
		r.out.warn(s.words[1].at, "zero-interval", "interval 0 becomes 1, as in keepalived")
		d = time.Second
	}
	r.script.interval = &d
}

func (r *reader) scriptTimeout(s *statement) {
	d, ok := r.seconds(s.words[1], "timeout", 0, longest)
	switch {
	case !ok:
		r.damaged = true
	case d > 0:
		r.script.timeout = &d
	}
}

func (r *reader) scriptWeight(s *statement) {
	w, ok := r.weight(s.words[1])
	if !ok {
		r.damaged = true
		return
	}
	r.script.Weight = w
	if len(s.words) > 2 {
		if s.words[2].text != "reverse" {
			r.out.warn(s.words[2].at, "surplus-words", `weight takes a number and "reverse"; %s is ignored`, quoted(s.words[2].text))
			return
		}
		r.script.Reverse = true
	}
}

func (r *reader) scriptUserGroup(s *statement) {
	r.script.User, r.script.Group = s.words[1].text, ""
	if len(s.words) > 2 {
		r.script.Group = s.words[2].text
	}
}

// weight reads a tracker's weight; 254 is cut to 253.
func (r *reader) weight(w token) (int, bool) {
	n, ok := r.integer(w, "weight", -254, 254)
	if n == 254 || n == -254 {
		r.out.warn(w.at, "weight-cut", "weight %d becomes %d, the largest that keepalived allows", n, n/254*253)
		n = n / 254 * 253
	}
	return n, ok
}
