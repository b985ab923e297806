package keepalived

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// luaPrefix marks a program that is a Lua file: script "lua:/path/check.lua".
// It is ours; keepalived has nothing like it.
const luaPrefix = "lua:"

// luaGrants is the name of the word that holds what the file may do. Every
// other name is an argument.
const luaGrants = "allow"

// luaFile reads "lua:PATH NAME=VALUE ... allow=GRANT,GRANT" in the place of a
// command. A relative path counts from the folder of the file that says it, as
// in the other languages. It returns nil after an error.
func (r *reader) luaFile(s *statement, argv []string) *config.Lua {
	at := r.position(s.words[1].at)
	f := &config.Lua{At: at, Written: config.Keys{{Name: "path", At: at}}, Path: strings.TrimPrefix(argv[0], luaPrefix)}
	wrong := func(format string, args ...any) *config.Lua {
		r.damaged = true
		r.out.error(s.words[1].at, "bad-lua", format, args...)
		return nil
	}
	form := s.words[0].text + ` "lua:PATH NAME=VALUE allow=GRANT,GRANT"`
	if f.Path == "" {
		return wrong("%s: the path of the Lua file is missing", form)
	}
	if !filepath.IsAbs(f.Path) && at.File() != "" {
		f.Path = filepath.Join(filepath.Dir(at.File()), f.Path)
	}
	for _, word := range argv[1:] {
		name, value, ok := strings.Cut(word, "=")
		switch {
		case !ok || name == "":
			return wrong("%s: %s is no argument; write NAME=VALUE", form, quoted(word))
		case name == luaGrants:
			for _, grant := range strings.Split(value, ",") {
				if why := r.grant(f.Allow, grant); why != "" {
					return wrong("%s: %s", form, why)
				}
				f.Allow = append(f.Allow, grant)
			}
		default:
			if _, twice := f.Args[name]; twice {
				return wrong("%s: the argument %s is given twice", form, quoted(name))
			}
			if f.Args == nil {
				f.Args = config.Args{}
			}
			f.Args[name] = config.ParseArg(value)
		}
	}
	if len(f.Allow) > 0 {
		f.Written = append(f.Written, config.Key{Name: luaGrants, At: at})
	}
	if len(f.Args) > 0 {
		f.Written = append(f.Written, config.Key{Name: "args", At: at})
	}
	return f
}

// grant says why a file cannot get a grant beside those that it has, "" when
// it can.
func (r *reader) grant(given []string, grant string) string {
	known := r.schema.Of(config.Lua{}).Field("allow").Enum
	switch {
	case slices.Contains(given, grant):
		return "the grant " + quoted(grant) + " is given twice"
	case slices.Contains(known, grant):
		return ""
	}
	text := "there is no grant " + quoted(grant) + "; the grants are " + strings.Join(known, ", ")
	if near := config.Nearest(grant, known); near != "" {
		text += "; is " + near + " meant?"
	}
	return text
}

// luaAccount is why a Lua file has none.
const luaAccount = "a Lua file takes no account: it runs inside the daemon"

// noAccount drops the account beside what takes none, and says so.
func (r *reader) noAccount(why string, user, group *string) {
	if *user == "" && *group == "" {
		return
	}
	r.out.addAt(r.givenAt("user"), config.Warning, "surplus-words", "%s; user is ignored", why)
	*user, *group = "", ""
	from := r.frames[len(r.frames)-1].keys
	kept := slices.DeleteFunc(r.keys[from:], func(k config.Key) bool { return k.Name == "user" || k.Name == "group" })
	r.keys = r.keys[:from+len(kept)]
}
