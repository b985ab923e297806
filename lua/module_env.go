package lua

import (
	"os"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func envModule() Module {
	return Module{
		Name: "env",
		Doc:  "The host's name, and variables of the daemon's environment, of which a script sees those that the configuration names in the argument env, separated by commas: `args: {env: \"API_TOKEN,HOME\"}`, and `env=API_TOKEN,HOME` in keepalived.conf.",
		Functions: []Function{
			{Name: "hostname", Doc: "the name of this host", Returns: []Value{ret("string", "the name")}, Fails: true, call: envHostname},
			{Name: "get", Doc: "the value of a variable, nil when it is not set; one that is not named raises an error", Params: []Value{arg("name", "string", "the variable's name")}, Returns: []Value{{Type: "string", Doc: "the value", Optional: true}}, call: envGet, accept: acceptEnv},
		},
	}
}

// envHostname is env.hostname().
func envHostname(c call) int {
	name, err := os.Hostname()
	if err != nil {
		return c.fail("%v", err)
	}
	return c.text(name)
}

// envArgument is the argument that names the variables.
const envArgument = "env"

func envGet(c call) int {
	names, _ := c.s.opts.Args[envArgument].(string)
	name := c.variable(names)
	value, set := os.LookupEnv(name)
	if !set {
		return c.push(lua.LNil)
	}
	return c.text(value)
}

// acceptEnv refuses a name that no configuration can name: what it names is not known
// to a test.
func acceptEnv(c call) { c.variable(c.l.CheckString(1)) }

// variable is the variable that is asked for, which must be among the names that stand
// in a text.
func (c call) variable(names string) string {
	name := c.l.CheckString(1)
	if !slices.ContainsFunc(strings.Split(names, ","), func(n string) bool { return strings.TrimSpace(n) == name && name != "" }) {
		c.l.RaiseError("%s: not allowed; the configuration must name it: args: {env: %q}", c.name, oneLine(name))
	}
	return name
}
