package keepalived

import (
	"reflect"

	"github.com/moonkeep/moonkeep/config"
)

// notifications returns the Notify of the instance or group that is being
// read.
func (r *reader) notifications() *config.Notify {
	if r.inst != nil {
		return &top[config.Instance](r).Notify
	}
	return &top[config.SyncGroup](r).Notify
}

// notifyProgram reads CMD [USER [GROUP]] or "lua:PATH". A Lua file of notify
// serves all events by its functions; one of another keyword that event only.
func (r *reader) notifyProgram(s *statement) {
	argv, file, rest := r.command(s)
	if len(rest) > 2 || file != nil && len(rest) > 0 {
		r.out.warn(s.at(), "surplus-words", "%s takes a command, a user and a group; the rest of the line is ignored. Put the whole command in double quotes", s.words[0].text)
	}
	at := r.src.position(s.words[1].at)
	switch {
	case file != nil && s.words[0].text == "notify":
		n := r.notifications()
		if n.Lua != nil {
			r.out.warn(s.at(), "given-twice", "notify was given a Lua file before, on %s: the first one counts", lineOf(n.Lua.At, at.File()))
			return
		}
		n.Lua = file
		r.wrote("lua", s.words[1].at, false)
	case file != nil:
		p := &config.Program{At: at, Lua: file.Path, Allow: file.Allow, Args: file.Args}
		r.row.bound.field.In(r.frames[len(r.frames)-1].value).Set(reflect.ValueOf(p))
	case argv != nil:
		p := &config.Program{At: at, Argv: argv}
		if before := r.notifications().Any; s.words[0].text == "notify" && before != nil {
			r.out.warn(s.at(), "given-twice", "notify was given a program before, on %s: the first one counts, as in keepalived", lineOf(before.At, at.File()))
			return
		}
		if len(rest) > 0 {
			p.User = rest[0]
		}
		if len(rest) > 1 {
			p.Group = rest[1]
		}
		r.row.bound.field.In(r.frames[len(r.frames)-1].value).Set(reflect.ValueOf(p))
	}
}

// notifyDeleted reads [CMD [USER [GROUP]]].
func (r *reader) notifyDeleted(s *statement) {
	in := top[config.Instance](r)
	in.NotifyDeleted = true
	if len(s.words) < 2 {
		return
	}
	p, ok := r.program(s)
	if !ok {
		r.damaged = true
		return
	}
	in.NotifyDeletedProgram = &p
	r.wrote("notify_deleted_program", s.words[1].at, false)
}
