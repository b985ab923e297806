package keepalived

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// randomMost is the largest number of ${_RANDOM} by default.
const randomMost = 32767

// value returns what a reference stands for, nil if nothing has its name. It
// is not ok if the reference cannot be used, which has been said.
func (f *feed) value(r reference, l line, i int) (*definition, bool) {
	if d := f.defined[r.name]; d != nil && r.args == "" {
		return d, true
	}
	text := ""
	switch r.name {
	case "_HASH":
		text = "#"
	case "_BANG":
		text = "!"
	case "_INSTANCE":
		text = f.opts.ConfigID
	case "_PWD":
		if text = f.document().folder(); !filepath.IsAbs(text) && f.opts.WorkDir != "" {
			text = filepath.Join(f.opts.WorkDir, text)
		}
	case "_RANDOM":
		n, ok := f.random(r.args, l.place(i))
		if !ok {
			return nil, false
		}
		text = strconv.FormatInt(n, 10)
	case "_ENV":
		var ok bool
		if text, ok = f.environment(r.args, l.place(i)); !ok {
			return nil, false
		}
	default:
		return nil, true
	}
	return &definition{name: r.name, lines: []part{{text: text}}}, true
}

// random draws the number of ${_RANDOM [MIN [MAX]]}.
func (f *feed) random(args string, at place) (int64, bool) {
	bounds := [2]int64{0, randomMost}
	words := strings.Fields(args)
	for k, word := range words {
		n, err := strconv.ParseInt(word, 10, 32)
		if k >= len(bounds) || err != nil || n < 0 {
			f.out.say(at, config.Error, "bad-random", "${_RANDOM MIN MAX} takes two numbers of 0..2147483647 at most, not %s", quoted(args))
			return 0, false
		}
		bounds[k] = n
	}
	if bounds[1] < bounds[0] {
		f.out.say(at, config.Error, "bad-random", "${_RANDOM %s}: no number is from %d to %d", args, bounds[0], bounds[1])
		return 0, false
	}
	if f.opts.Random == nil {
		return bounds[0], true
	}
	return bounds[0] + f.opts.Random(bounds[1]-bounds[0]+1), true
}

// environment returns the variable of ${_ENV NAME}. Its value is never shown.
func (f *feed) environment(name string, at place) (string, bool) {
	if nameLength(name) != len(name) || name == "" {
		f.out.say(at, config.Error, "bad-environment", "${_ENV NAME} takes the name of one environment variable, not %s", quoted(name))
		return "", false
	}
	value, set := "", false
	if f.opts.Getenv != nil {
		value, set = f.opts.Getenv(name)
	}
	if !set {
		f.out.say(at, config.Warning, "no-environment", "the environment has no %s: ${_ENV %s} is empty", name, name)
	}
	if strings.ContainsAny(value, "\n\x00") {
		f.out.say(at, config.Error, "bad-environment", "the environment variable %s has more than one line", name)
		return "", false
	}
	return value, true
}
