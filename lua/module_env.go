package lua

import (
	"os"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

func envModule() Module {
	return Module{
		Name: "env",
		Doc:  "Variables of the daemon's environment, of which a script sees those that the configuration names: `allow: [\"env:API_TOKEN\"]`.",
		Functions: []Function{
			{Name: "get", Doc: "the value of a variable, nil when it is not set; one that is not named raises an error", Params: []Value{arg("name", "string", "the variable's name")}, Returns: []Value{{Type: "string", Doc: "the value", Optional: true}}, call: envGet},
		},
	}
}

// envGrant is how the grant for a variable begins; its name follows.
const envGrant = "env:"

func envGet(c call) int {
	name := c.l.CheckString(1)
	if grant := envGrant + name; !slices.Contains(c.s.opts.Allow, grant) {
		c.l.RaiseError("%s: not allowed; the configuration must grant it: allow: [\"%s\"]", c.name, oneLine(grant))
	}
	value, set := os.LookupEnv(name)
	if !set {
		return c.push(lua.LNil)
	}
	return c.text(value)
}
