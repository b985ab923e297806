package lua

import (
	"fmt"
	"slices"
	"strings"
)

// Definitions returns what editors with the Lua language server need to know
// of the modules: a file for each, by its name, and one for what functions of
// scripts are called with. Tests' modules are there too.
func Definitions() map[string]string {
	files := map[string]string{"moonkeep.lua": functionTypes, testName + ".lua": testTypes}
	var stub strings.Builder
	stub.WriteString(stubTypes)
	for _, m := range modules() {
		files[m.Name+".lua"] = m.definition()
		if unstubbed(m.Name) {
			continue
		}
		fmt.Fprintf(&stub, "\nstub.%s = {}\n", m.Name)
		for _, f := range m.Functions {
			fmt.Fprintf(&stub, "\n---@param ... any %s; or one function\nfunction stub.%s.%s(...) end\n", stubArguments(&f), m.Name, f.Name)
		}
	}
	stub.WriteString("\nreturn stub\n")
	files[stubName+".lua"] = stub.String()
	return files
}

func stubArguments(f *Function) string {
	most := len(f.Params)
	if most == 0 && len(f.Options) > 0 {
		most = 1
	}
	return expected(f, most)
}

// definition is the file of one module.
func (m Module) definition() string {
	var b strings.Builder
	fmt.Fprintf(&b, "---@meta %s\n\n", m.Name)
	for _, c := range m.Classes {
		comment(&b, c.Doc)
		fmt.Fprintf(&b, "---@class %s\n", c.Name)
		for _, f := range c.Fields {
			mark := ""
			if f.Optional {
				mark = "?"
			}
			fmt.Fprintf(&b, "---@field %s%s %s %s\n", f.Name, mark, f.Type, f.about())
		}
		local := strings.ReplaceAll(c.Name, ".", "_")
		fmt.Fprintf(&b, "local %s = {}\n\n", local)
		for _, f := range c.Methods {
			f.definition(&b, local+":")
		}
	}
	comment(&b, m.Doc)
	fmt.Fprintf(&b, "---@class moonkeep.%s\nlocal %s = {}\n\n", m.Name, m.Name)
	for _, c := range m.Constants {
		comment(&b, c.Doc)
		fmt.Fprintf(&b, "---@type %s\n%s.%s = nil\n\n", c.Type, m.Name, c.Name)
	}
	for _, f := range m.Functions {
		f.definition(&b, m.Name+".")
	}
	fmt.Fprintf(&b, "return %s\n", m.Name)
	return b.String()
}

// definition writes one function; owner ends in a dot or a colon.
func (f Function) definition(b *strings.Builder, owner string) {
	doc := f.Doc
	if f.Grant != "" {
		doc += ". Needs allow: [" + f.Grant + "]"
	}
	comment(b, doc)
	var names []string
	for _, p := range f.Params {
		name, mark := p.Name, ""
		if slices.Contains([]string{"end", "function", "repeat", "until", "local", "not"}, name) {
			name += "_"
		}
		if p.Optional {
			mark = "?"
		}
		fmt.Fprintf(b, "---@param %s%s %s %s\n", name, mark, p.Type, p.about())
		names = append(names, name)
	}
	if len(f.Options) > 0 {
		var fields []string
		for _, o := range f.Options {
			fields = append(fields, o.Name+"?: "+o.Type)
		}
		fmt.Fprintf(b, "---@param options? {%s}\n", strings.Join(fields, ", "))
		names = append(names, "options")
	}
	for i, r := range f.Returns {
		mark := ""
		if r.Optional || f.Fails && i == 0 {
			mark = "?"
		}
		fmt.Fprintf(b, "---@return %s%s # %s\n", r.Type, mark, r.about())
	}
	if f.Fails {
		fmt.Fprintf(b, "---@return string? # why not: %s\n", f.None)
	}
	fmt.Fprintf(b, "function %s%s(%s) end\n\n", owner, f.Name, strings.Join(names, ", "))
}

// about is a value's text on one line, with its unit.
func (v Value) about() string {
	text := strings.Join(strings.Fields(v.Doc), " ")
	if v.Unit != "" {
		text += " (" + v.Unit + ")"
	}
	return text
}

func comment(b *strings.Builder, text string) {
	for line := range strings.Lines(strings.TrimSpace(text)) {
		b.WriteString("---" + strings.TrimRight(line, "\n") + "\n")
	}
}

// functionTypes describe what the functions of scripts get and return.
const functionTypes = `---@meta moonkeep

---What check and weight are called with.
---@class moonkeep.Context
---@field args table<string, string|number|boolean> args of the configuration
---@field timeout number seconds that the call has
---@field server? string the real server of a LUA_CHECK, ADDRESS:PORT
---@field service? string its virtual server

---What accept_failover is called with.
---@class moonkeep.Move
---@field instance string the vrrp_instance
---@field group? string its vrrp_sync_group
---@field cause string failover, maintenance or preemption
---@field priority integer the effective priority
---@field master_for number seconds that the present master has been one
---@field master? string who would be preempted
---@field master_priority? integer
---@field args table<string, string|number|boolean> args of the configuration
---@field timeout number seconds that the call has

---What a check may return in one table.
---@class moonkeep.Verdict
---@field ok boolean
---@field message? string
---@field weight? integer

---What a notify function is called with.
---@class moonkeep.Event
---@field instance? string the vrrp_instance
---@field group? string the vrrp_sync_group, of an event that is the group's own
---@field sync_group? string the vrrp_sync_group that the instance is in
---@field from string INIT, BACKUP, MASTER or FAULT
---@field to string as from, or STOP, DELETED, UP, DOWN
---@field why? string one line for people
---@field priority integer the effective priority
---@field addresses string[] the virtual addresses with their lengths
---@field peer? string of an instance: the other node that was heard last
---@field peer_priority? integer
---@field seconds? number of on_dual_master: for how long the peer has been MASTER too
---@field times? integer for the how manieth time since the start another node is
---@field service? string the virtual server
---@field server? string the real server
---@field dropped integer how many changes before this one were not told
---@field seq integer counts the events of the node
---@field node string its router_id
---@field args table<string, string|number|boolean> args of the configuration

---What a script may return.
---@class moonkeep.Script
---@field check? fun(ctx: moonkeep.Context): boolean|moonkeep.Verdict, string?
---@field weight? fun(ctx: moonkeep.Context): number
---@field accept_failover? fun(ctx: moonkeep.Move): boolean, string?
---@field on_master? fun(event: moonkeep.Event)
---@field on_backup? fun(event: moonkeep.Event)
---@field on_fault? fun(event: moonkeep.Event)
---@field on_stop? fun(event: moonkeep.Event)
---@field on_change? fun(event: moonkeep.Event)
---@field on_priority? fun(event: moonkeep.Event)
---@field on_dual_master? fun(event: moonkeep.Event)
---@field on_real_server? fun(event: moonkeep.Event)
---@field on_quorum? fun(event: moonkeep.Event)
`

const testTypes = `---@meta test

local test = {}

---Compares tables by what is in them.
---@param got any
---@param want any
---@param note? string
function test.equal(got, want, note) end

---@param value any neither nil nor false
---@param note? string
function test.ok(value, note) end

---@param text string
---@param part string
---@param note? string
function test.contains(text, part, note) end

---@param fn function
---@param part? string of the error
---@return string # the error
function test.fails(fn, part) end

return test
`

const stubTypes = `---@meta stub

local stub = {clock = {}}

---Matches any argument.
stub.any = {}

---@param time number seconds since 1970
function stub.clock.set(time) end

---@param seconds number
function stub.clock.advance(seconds) end

---@return number # seconds that time.sleep took
function stub.clock.slept() end

---stub.client.NAME.FUNCTION(match..., result), (match..., nil, reason) or (function)
---@type table<string, table<string, fun(...)>>
stub.client = {}

---A result that is the next value at each call; nil is a failure.
---@param ... any
function stub.sequence(...) end

---@param class string such as tcp.Connection
---@param methods table<string, any> results by method
function stub.object(class, methods) end

---@param name? string for example "http.get"
---@return table[] # the arguments of each call; without a name {name =, args =}
function stub.calls(name) end

---@return string[] # each line with its level before it
function stub.logged() end

---The grants that the script has from now on.
---@param ... string
function stub.allow(...) end
`
