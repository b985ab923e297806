package lua

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// sessionName is what messages call the lines of a session.
const sessionName = "repl"

// Session is a Lua state to type into, within the same limits as a script. It
// is for one goroutine. All modules are there as globals, and the clients can be
// required; an error or a limit costs the line, and the variables when it had to be given up.
type Session struct{ runner *Runner }

// NewSession returns a session whose relative paths count from a folder.
func NewSession(dir string, o Options) (*Session, error) {
	proto, _, err := compile(sessionName, []byte("return function() end"))
	if err != nil {
		return nil, err
	}
	script := &Script{path: sessionName, dir: dir, main: proto, files: map[string]*lua.FunctionProto{}, sources: []string{sessionName}, sums: map[string]uint64{}}
	wanted := clientNames()
	for len(wanted) > 0 {
		name := wanted[0]
		wanted = wanted[1:]
		if builtin(name) || script.files[name] != nil {
			continue
		}
		path := strings.ReplaceAll(name, ".", "/") + ".lua"
		source, err := clients.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		proto, more, err := compile(path, source)
		if err != nil {
			return nil, err
		}
		script.files[name] = proto
		for _, need := range more {
			if !need.use && !need.unknown {
				wanted = append(wanted, need.name)
			}
		}
	}
	r, err := script.NewRunner(o)
	if err != nil {
		return nil, err
	}
	return &Session{r}, nil
}

// Eval runs a line: an expression, whose values it returns as Lua writes them,
// or statements. more says that the text ends in the middle of something, and
// wants another line.
func (s *Session) Eval(ctx context.Context, text string) (values string, more bool, err error) {
	proto, _, err := compile(sessionName, []byte("return "+text))
	if err != nil {
		proto, _, err = compile(sessionName, []byte(text))
	}
	if err != nil {
		return "", unfinished(text), err
	}
	var printed string // a line that was given up may still write it: it is no result
	err = s.runner.run(ctx, func(st *state) error {
		st.globals()
		l := st.l
		base := l.GetTop()
		l.Push(l.NewFunctionFromProto(proto))
		hidden := st.hidden()
		for _, fn := range hidden {
			l.Push(fn)
		}
		if err := l.PCall(len(hidden), lua.MultRet, nil); err != nil {
			l.SetTop(base)
			// The state is fit for use after an error of the script's.
			if st.meter.over != nil {
				return err
			}
			printed = "error: " + st.explain(err).Error()
			return nil
		}
		var words []string
		for i := base + 1; i <= l.GetTop(); i++ {
			words = append(words, render(l.Get(i), 0))
		}
		l.SetTop(base)
		printed = strings.Join(words, "\t")
		return nil
	})
	if err != nil {
		return "", false, err
	}
	return printed, false, nil
}

// globals makes the modules globals, once.
func (s *state) globals() {
	for _, name := range moduleNames() {
		if s.l.GetGlobal(name) == lua.LNil {
			s.l.SetGlobal(name, s.makeModule(name))
		}
	}
}

// unfinished reports whether a text would be right with more behind it.
func unfinished(text string) bool {
	_, err := parse.Parse(bytes.NewReader([]byte(text)), sessionName)
	var bad *parse.Error
	return errors.As(err, &bad) && bad.Pos.Line == parse.EOF
}
