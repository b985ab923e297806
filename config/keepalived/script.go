package keepalived

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// script is a vrrp_script that has been read.
type script struct {
	config.Script
	*tracker
	damaged bool
}

func (r *reader) endScript(s *statement) {
	in := top[config.Script](r)
	if !r.given("timeout") {
		in.Timeout = in.Interval
	}
	none := in.Argv == nil && in.Lua == ""
	switch {
	case r.damaged || r.meant["script"] || r.meant["check"]:
	case none && in.Plugin == nil:
		r.damaged = true
		r.out.error(s.at(), "missing-keyword", "vrrp_script %s has no script: what would it run?", printable(in.Name))
	case !none && in.Plugin != nil:
		r.damaged = true
		r.out.addAt(r.givenAt("plugin"), config.Error, "exclusive-keys", "vrrp_script %s has a script and a check: which would it run?", printable(in.Name))
	}
	if in.Lua != "" {
		r.noAccount(luaAccount, &in.User, &in.Group)
	}
	if in.Plugin != nil {
		r.noAccount("a check takes no account: that of its plugin counts", &in.User, &in.Group)
	}
	if at, text := in.SmoothingFault(); text != "" {
		r.out.addAt(at, config.Error, "bad-smoothing", "vrrp_script %s: smoothing %s", printable(in.Name), text)
	}
	r.damaged = r.damaged || none && in.Plugin == nil
	c := &script{damaged: r.damaged, tracker: &tracker{name: in.Name, at: s.at(), place: in.At, weight: in.Weight, reverse: in.Reverse}}
	c.Script = taken[config.Script](r)
	if c.damaged {
		r.skipped[in.Name] = in.At
	} else if r.trackable("vrrp_script", c.tracker) {
		r.scripts = append(r.scripts, c)
	}
}

// endScriptCheck holds what goes for the check of a vrrp_script: there is one, and no real
// server that it could take an address from.
func (r *reader) endScriptCheck(s *statement) {
	c := top[config.Check](r)
	kinds := 0
	for v, i := reflect.ValueOf(c).Elem(), 0; i < v.NumField(); i++ {
		if !v.Field(i).IsNil() {
			kinds++
		}
	}
	name, text := "missing-keyword", ""
	switch keyword, why := c.ScriptLacks(); {
	case r.damaged || len(r.meant) > 0: // which has been said
	case kinds == 0:
		text = "this check has none in its braces, such as HTTP_GET"
	case kinds > 1:
		name, text = "exclusive-keys", "this check has more than one in its braces: write a vrrp_script for each"
	case c.Target() == nil:
		name, text = "wrong-block", "a check of a vrrp_script cannot be "+c.Kind()+": use script, track_file or track_bfd"
	case keyword != "":
		text = "this " + c.Kind() + " has no " + keyword + ": " + why
	}
	if text != "" {
		r.damaged = true
		r.out.error(s.at(), name, "%s", text)
	}
}

// taken returns the item of a list that is being read with the keys that it
// wrote, and takes it out of the list: it comes back when the whole file is
// known.
func taken[T any](r *reader) T {
	f := &r.frames[len(r.frames)-1]
	*f.written = r.join(*f.written, r.keys[f.keys:])
	r.keys = r.keys[:f.keys]
	r.drop()
	return *top[T](r)
}

// command reads the program of a script-valued keyword: the words of the
// first argument, or the Lua file that it names, nil when there is none. The
// words behind it are returned too, for those keywords that take a user there.
// Without either something was wrong, and said.
func (r *reader) command(s *statement) (argv []string, file *config.Lua, rest []string) {
	last := s.words[len(s.words)-1]
	if last.open {
		r.damaged = true
		return nil, nil, nil
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
		return nil, nil, nil
	case len(argv) == 0:
		r.damaged = true
		r.out.error(s.words[1].at, "missing-argument", "%s names no program", s.words[0].text)
		return nil, nil, nil
	}
	if strings.HasPrefix(argv[0], luaPrefix) {
		return nil, r.luaFile(s, argv), rest
	}
	return argv, nil, rest
}

func (r *reader) scriptCommand(s *statement) {
	var rest []string
	in := top[config.Script](r)
	var file *config.Lua
	in.Argv, file, rest = r.command(s)
	if in.Lua, in.Allow, in.Args = "", nil, nil; file != nil {
		in.Lua, in.Allow, in.Args = file.Path, file.Allow, file.Args
		r.wrote("lua", s.words[1].at, false)
		for _, key := range file.Written[1:] {
			r.wrote(key.Name, s.words[1].at, false)
		}
	}
	if len(rest) > 0 {
		r.out.warn(s.words[min(2, len(s.words)-1)].at, "surplus-words", "keepalived runs the script without what follows its first word, and so does this; put the whole command in double quotes")
	}
}

// scriptWeight reads weight N [reverse]. keepalived complains of a number beyond
// its bounds and adds it all the same; no priority moves by more than the most.
// Without it the script would be one that makes a fault.
func (r *reader) scriptWeight(s *statement) {
	w := s.words[1]
	if n, err := strconv.Atoi(w.text); err == nil && (n > mostFileWeight || n < -mostFileWeight) {
		cut := mostWeight
		if n < 0 {
			cut = -mostWeight
		}
		r.out.warn(w.at, "weight-cut", "weight %s becomes %d, which moves a priority as far as it goes", printable(w.text), cut)
		own := *s
		own.words = slices.Clone(s.words)
		own.words[1].text = strconv.Itoa(cut)
		s = &own
	}
	weightWord(mostWeight)(r, s)
}

func (r *reader) scriptInterval(s *statement) {
	setField(r, s)
	if in := top[config.Script](r); in.Interval == 0 && !r.damaged {
		r.out.warn(s.words[1].at, "zero-interval", "interval 0 becomes 1, as in keepalived")
		in.Interval = time.Second
	}
}

func (r *reader) scriptTimeout(s *statement) {
	setField(r, s)
	if in := top[config.Script](r); in.Timeout == 0 && !r.damaged {
		r.out.warn(s.words[1].at, "zero-interval", "timeout 0 becomes 1, as in keepalived")
		in.Timeout = time.Second
	}
}

func (r *reader) scriptUserGroup(s *statement) {
	in := top[config.Script](r)
	in.User, in.Group = s.words[1].text, ""
	if len(s.words) > 2 {
		in.Group = s.words[2].text
		r.wrote("group", s.words[2].at, false)
	}
}
