package lua

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/pm"
)

// The values are those of the reference implementation of Lua 5.1.
func TestStandardFunctions(t *testing.T) {
	tests := []struct{ expr, want string }{
		// operators that are rewritten
		{`"a" .. 1 .. "b" .. 2.5`, "a1b2.5"},
		{`("x"):rep(3) .. ("y"):rep(2)`, "xxxyy"},
		{`(function(...) return select("#", ...) .. select("#", (...)) end)(1, nil, 3)`, "31"},
		{`#{1, 2, (function() return 3, 4 end)()}`, "4"},
		{`#{(function() return 3, 4 end)(), 5}`, "2"},
		{`#{((function() return 3, 4 end)())}`, "1"},
		{`({n = 1, (function() return "a", "b" end)()})[2]`, "b"},
		{`(function(...) local t = {x = 1, ...} return t[1] .. t[3] .. tostring(t[2]) .. t.x end)(7, nil, 9)`, "79nil1"},
		{`(function() local a, t = 1, {} a, t[a], t.x = 2, 3 return a .. t[1] .. tostring(t.x) end)()`, "23nil"},
		{`(function() local t = {1, 2} t[1], t[2] = t[2], t[1] return t[1] .. t[2] end)()`, "21"},
		{`(function() local t, n = {}, 0 local function f() n = n + 1 return t end f()[1] = f and n return n .. t[1] end)()`, "11"},
		{`(function() local function f(n) if n == 0 then return "end" end return f(n - 1) end return f(1000) end)()`, "end"},
		{`(function() local t = setmetatable({}, {__newindex = function(t, k, v) rawset(t, k, v .. "!") end}) t.a = "x" t[1] = "y" return t.a .. t[1] end)()`, "x!y!"},
		{`(function() local c = setmetatable({}, {__concat = function(a, b) return (type(a) == "table" and "T" or a) .. (type(b) == "table" and "T" or b) end}) return "a" .. c .. "b" .. c end)()`, "aTbT"},
		{`(function() local o = {} function o.p() return "p" end function o:q() return self.p() end return o:q() end)()`, "p"},
		{`(function() local t = {} for i = 1, 3 do t[i] = function() return i end end return t[1]() .. t[3]() end)()`, "13"},
		{`(function() local s = "" for i = 1, 60 do s = s .. i % 10 end return #s end)()`, "60"},
		{strings.Repeat(`"a" .. `, 150) + `"b"`, strings.Repeat("a", 150) + "b"},
		// xpcall keeps the variables of what failed
		{`(function() local g xpcall(function() local x = "kept" g = function() return x end error() end, function() local a, b, c, d = 1, 2, 3, 4 return a end) local p, q, r, s = 5, 6, 7, 8 return g() end)()`, "kept"},
		{`select(2, xpcall(function() error("e", 0) end, function(m) return m .. "!" end))`, "e!"},
		{`select("#", xpcall(function() return 1, 2, 3 end, print))`, "4"},
		{`tostring(xpcall(function() error("e", 0) end, error))`, "false"},
		// table
		{`table.concat({1, "b", 2.5}, ", ")`, "1, b, 2.5"},
		{`table.concat({1, 2, 3, 4}, "-", 2, 3)`, "2-3"},
		{`table.concat({}) .. table.concat({1}, ",", 2)`, ""},
		{`(function() local t = {1, 3} table.insert(t, 4) table.insert(t, 2, 2) table.insert(t, 1, 0) return table.concat(t) end)()`, "01234"},
		{`(function() local t = {1, 2, 3} return table.remove(t) .. table.remove(t, 1) .. #t end)()`, "311"},
		{`(function() local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return table.concat(t) end)()`, "321"},
		{`select("#", unpack({1, nil, 3}, 1, 3)) .. select("#", unpack({}))`, "30"},
		{`(unpack({1, 2, 3}, 2))`, "2"},
		// string
		{`("abc"):byte() .. ("abc"):byte(-1) .. select("#", ("abc"):byte(1, -1)) .. select("#", ("abc"):byte(9))`, "979930"},
		{`("abc"):upper() .. ("ABC"):lower() .. ("abc"):reverse() .. ("abc"):sub(2, -2) .. #("abc")`, "ABCabccbab3"},
		{`("\195\164\255z\128"):upper() == "\195\164\255Z\128" and ("\195\132\255Z{[@"):lower()`, "\xc3\x84\xffz{[@"},
		{`#(("\255"):rep(1000):upper() .. ("\255"):rep(1000):lower())`, "2000"},
		{`string.char(97, 98, 255):byte(-1) .. string.char()`, "255"},
		{`("x"):rep(0) .. ("x"):rep(-1) .. (""):rep(1e9)`, ""},
		{`("hello world"):find("o w") .. "," .. select(2, ("hello world"):find("o w"))`, "5,7"},
		{`table.concat({("key = value"):match("^(%w+)%s*=%s*(%w+)$")}, "|")`, "key|value"},
		{`tostring(("abc"):find("b", -1)) .. tostring(("abc"):find("", 10)) .. ("abc"):find("", 4)`, "nilnil4"},
		{`("a.b"):find(".", 2, true) .. ("a+b"):find("+", 1, true)`, "22"},
		{`("f(a(b)c)d"):match("%b()")`, "(a(b)c)"},
		{`("THE (quick) fox"):find("%((%a+)%)") .. ("THE (quick) fox"):match("%f[%a]%a+", 5)`, "5quick"},
		{`("abcabc"):match("(a)bc%1") .. ("  x "):match("^%s*(.-)%s*$")`, "ax"},
		{`("hello"):match("()ll()")`, "3"},
		{`("x-y]z"):match("[]%-]+")`, "-"},
		{`("2026-11-20"):gsub("(%d+)-(%d+)-(%d+)", "%3.%2.%1")`, "20.11.2026"},
		{`("abc"):gsub("", "-")`, "-a-b-c-"},
		{`("hello world"):gsub("o", "0", 1)`, "hell0 world"},
		{`select(2, ("hello world"):gsub("o", "0"))`, "2"},
		{`("$x and $y"):gsub("%$(%w+)", {x = 1, y = false})`, "1 and $y"},
		{`("abc"):gsub("%w", function(c) if c ~= "b" then return c:upper() end end)`, "AbC"},
		{`("abc"):gsub("%w", "%0%0"):gsub("a", "%%")`, "%%bbcc"},
		{`("abcabc"):gsub("^a", "x")`, "xbcabc"},
		{`(function() local n = 0 for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do n = n + v end return n end)()`, "3"},
		{`(function() local t = {} for w in ("one two"):gmatch("%a+") do t[#t + 1] = w end return table.concat(t, "|") end)()`, "one|two"},
		{`string.format("%5.2f|%-4d|%04d|%x|%s|%%|%c|%q", 3.14159, 7, 42, 255, true, 65, 'a"b')`, ` 3.14|7   |0042|ff|true|%|A|"a\"b"`},
		{`string.format("%3c|%-3c|%u|%+x|% X|%+o|%+u|%+i", 65, 66, -1, 255, 255, 8, 7, 7)`, "  A|B  |18446744073709551615|ff|FF|10|7|+7"},
		{`string.format("%s %d", {} and "t", 3.7)`, "t 3"},
		{`string.format("%5s|%-5s|%.2s", "a", "b", "cde")`, "    a|b    |cd"},
		{`string.format("%4s|%-4s|%.1s|%.s|%3.1s", "\195\182", "\195\182", "\195\182", "x", "xy")`, "  \xc3\xb6|\xc3\xb6  |\xc3||  x"},
		{`string.format("%g|%g|%g|%g|%g|%.3g|%G", 1/3, 100000, 1e6, 0.1, 123456789, 1/3, 1e-10)`, "0.333333|100000|1e+06|0.1|1.23457e+08|0.333|1E-10"},
		{`string.format("%g|%5.1f|%-5g|%+f|%E", math.huge, -math.huge, 0/0, math.huge, math.huge)`, "inf| -inf|nan  |+inf|INF"},
		{`#require("bytes").xor(("x"):rep(2^20), ("y"):rep(2^20))`, "1048576"},
		{`#require("bytes").pack("a600000", ("x"):rep(600000))`, "600000"},
		{`#require("bytes").base64(("x"):rep(700000))`, "933336"},
		{`tostring(string.dump) .. tostring(coroutine) .. tostring(io) .. tostring(os) .. tostring(debug) .. tostring(package) .. tostring(load) .. tostring(loadstring) .. tostring(dofile) .. tostring(collectgarbage) .. tostring(setfenv) .. tostring(newproxy) .. tostring(channel) .. tostring(math.randomseed) .. tostring(module)`, strings.Repeat("nil", 15)},
		{`type(_G["(concat)"]) .. type(_G["(charge)"]) .. type(_G["(set)"]) .. type(_G["(fill)"])`, "nilnilnilnil"},
	}
	for _, tt := range tests {
		got, err := says(t, "return true, tostring(("+tt.expr+"))", Options{})
		if err != nil || got != oneLine(tt.want) {
			t.Errorf("%s\n got %q, %v\nwant %q", tt.expr, got, err, tt.want)
		}
	}
}

func TestStandardErrors(t *testing.T) {
	tests := []struct{ body, want string }{
		{`local x = nil .. "a"`, "attempt to concatenate a nil value"},
		{`local x = "a" .. {}`, "attempt to concatenate a table value"},
		{`local t = nil t.x = 1`, "attempt to index a non-table object(nil)"},
		{`local t = {} t[nil] = 1`, "table index is nil"},
		{`return ("x"):find("[a")`, "a [ without its ]"},
		{`return ("x"):find("%")`, "it ends with %"},
		{`return ("x"):find("(x")`, "a ( without its )"},
		{`return ("x"):match("x)")`, "a ) without its ("},
		{`return ("x"):find("%1")`, "%1 names no finished capture"},
		{`return ("x"):find("%f")`, "%f wants a set"},
		{`return ("x"):find("%b")`, "%b wants two characters"},
		{`return ("x"):gsub("x", "%2")`, "%2 names no capture"},
		{`return ("x"):gsub("x", function() return {} end)`, "the replacement is a table value"},
		{`return ("x"):gsub("x", true)`, "string, table or function expected"},
		{`return ("x"):match(("()"):rep(33))`, "more than 32 captures"},
		{`return ("%y"):format(1)`, "%y is no conversion"},
		{`return ("%100d"):format(1)`, "is no conversion"},
		{`return ("%d"):format("x")`, "number expected"},
		{`return ("%d"):format(0/0)`, "does not fit"},
		{`return ("%d"):format()`, "no value for %d"},
		{`return table.concat({1, {}, 3})`, "item 2 is a table value"},
		{`return table.insert({}, 3, 1)`, "outside of the list"},
		{`return table.insert({})`, "wants (list, value)"},
		{`return rawset({}, nil, 1)`, "cannot be nil"},
		{`local t = {} for i = 1, 1e5 do t[#t + 1] = i end`, "a list of more than 65535 items"},
		{`local t = {} for i = 1, 1e5 do table.insert(t, i) end`, "a list of more than 65535 items"},
		{`return unpack()`, "table expected"},
	}
	for _, tt := range tests {
		_, err := says(t, tt.body, Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "s.lua:2: ") {
			t.Errorf("%s: error %v, want %q at line 2", tt.body, err, tt.want)
		}
	}
}

// Our matcher agrees with gopher-lua's on small patterns made at random.
func TestPatternsAgreeWithGopherLua(t *testing.T) {
	pieces := []string{"a", "b", ".", "%a", "%d", "[ab]", "[^a]", "[a-c1]", "%s", "(", ")", "()", "%b()", "a", "x"}
	quantifiers := []string{"", "", "", "*", "+", "-", "?"}
	subjects := []string{"", "a", "aab", "abab", "a1 b2", "(ab)(c)", "xaxbxc", "bbbbaaa", "1 2 3", "ccx)"}
	rng := rand.New(rand.NewPCG(1, 2))
	compared, matched := 0, 0
	for range 20000 {
		var b strings.Builder
		if rng.IntN(6) == 0 {
			b.WriteByte('^')
		}
		for range 1 + rng.IntN(5) {
			piece := pieces[rng.IntN(len(pieces))]
			b.WriteString(piece)
			if !strings.ContainsAny(piece, "(") && piece != ")" {
				b.WriteString(quantifiers[rng.IntN(len(quantifiers))])
			}
		}
		if rng.IntN(6) == 0 {
			b.WriteByte('$')
		}
		pattern := b.String()
		if strings.Contains(pattern, "(*") || strings.Contains(pattern, "%b()-") {
			continue
		}
		for _, subject := range subjects {
			want, err := pm.Find(pattern, []byte(subject), 0, 1)
			m := &matcher{subject: subject, pattern: pattern, more: func(int) {}}
			got, from := describeMatch(m)
			if err != nil || m.err != nil {
				continue // which mistakes are seen, and when, differs
			}
			compared++
			ref := "no match"
			if len(want) > 0 {
				matched++
				ref = fmt.Sprint(want[0].Capture(0), "-", want[0].Capture(1))
				for i := 2; i < want[0].CaptureLength(); i += 2 {
					if want[0].IsPosCapture(i) {
						ref += fmt.Sprint(" @", want[0].Capture(i))
					} else {
						ref += fmt.Sprint(" ", want[0].Capture(i), "-", want[0].Capture(i+1))
					}
				}
			}
			if got != ref {
				t.Errorf("%q in %q: %s (from %d), gopher-lua says %s", pattern, subject, got, from, ref)
			}
		}
	}
	if compared < 50000 || matched < 5000 {
		t.Errorf("only %d compared, %d of them matches", compared, matched)
	}
}

// describeMatch runs a matcher the way search does.
func describeMatch(m *matcher) (string, int) {
	p, anchored := 0, strings.HasPrefix(m.pattern, "^")
	if anchored {
		p = 1
	}
	for from := 0; from <= len(m.subject); from++ {
		m.level = 0
		to := m.at(from, p)
		if m.err != nil {
			return "error", from
		}
		if to >= 0 {
			out := fmt.Sprint(from, "-", to)
			for _, c := range m.captures[:m.level] {
				switch c.length {
				case capturePosition:
					out += fmt.Sprint(" @", c.start+1)
				case captureOpen:
					m.fail("open")
					return "error", from
				default:
					out += fmt.Sprint(" ", c.start, "-", c.start+c.length)
				}
			}
			return out, from
		}
		if anchored {
			break
		}
	}
	return "no match", -1
}
