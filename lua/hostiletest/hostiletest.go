// Package hostiletest has scripts that want the processor, the memory or the
// goroutines of the daemon for as long as they run. The tests of package lua hold each
// to its limits, and those of the daemon send adverts beside them. It is imported by
// tests only.
package hostiletest

// Ends are the ways in which a script may end.
type Ends uint8

const (
	// Timeout is at the deadline, Limit at one of the limits, and Failed by an error
	// of the script's own.
	Timeout Ends = 1 << iota
	Limit
	Failed
	// Over is by time or by a limit, whatever comes first.
	Over = Timeout | Limit
)

// Script is the body of a check function.
type Script struct {
	Name, Body string
	Ends       Ends
}

// Scripts are those that ask for much.
func Scripts() []Script {
	return []Script{
		{"infinite loop", "while true do end", Over},
		{"infinite for", "for i = 1, 1/0 do end", Over},
		{"infinite repeat", "repeat until false", Over},
		{"infinite goto", "::a:: goto a", Over},
		{"recursion", "local function f() return 1 + f() end f()", Failed},
		{"tail recursion", "local function f() return f() end f()", Over},
		{"recursion through metatables", "local t = {} setmetatable(t, {__index = function(t, k) return t[k .. 'x'] end}) return t.x", Failed},
		{"a circle of __index", "local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a}) return a.x", Failed},
		{"recursion in tostring", "local t t = setmetatable({}, {__tostring = function() return tostring(t) end}) tostring(t)", Failed},
		{"recursion in gsub", "local function f(s) return (s:gsub('.', f)) end f 'abc'", Failed},
		{"recursion in sort", "local function f() table.sort({3, 2, 1}, f) end f()", Failed},
		{"recursion in pcall", "local function f() return pcall(f) end while true do f() end", Over},
		{"recursion in ..", "local t t = setmetatable({}, {__concat = function(a, b) return a .. b end}) return t .. t", Failed},
		{"deadline in pcall", "while true do pcall(function() while true do end end) end", Over},
		{"deadline in xpcall", "while true do xpcall(function() while true do end end, function() while true do end end) end", Over},
		{"deadline swallowed at the end", "return pcall(function() while true do end end)", Over},
		{"limit swallowed at the end", "return pcall(string.rep, 'x', 1e9)", Limit},
		{"rep", "return string.rep('x', 5e8)", Limit},
		{"rep as a method", "return ('x'):rep(2^31)", Limit},
		{"rep that overflows", "return ('xxxxxxxx'):rep(2^61)", Limit},
		{"doubling", "local s = 'x' while true do s = s .. s end", Over},
		{"doubling in a chain", "local s = 'x' while true do s = s .. s .. s .. s .. s .. s end", Over},
		{"many strings kept", "local s, t = ('x'):rep(1e5), {} for i = 1, 1e9 do t[i] = s .. i end", Over},
		{"upper", "local s, t = ('x'):rep(1e6), {} for i = 1, 1e9 do t[i] = s:upper() end", Over},
		{"char", "local t = {} for i = 1, 900 do t[i] = i % 256 end local function f(...) while true do local s = string.char(...) end end f(unpack(t))", Over},
		{"gsub grows", "return ('x'):rep(1e5):gsub('x', ('y'):rep(1e4))", Over},
		{"gsub grows by captures", "return ('x'):rep(1e4):gsub('.+', ('%0'):rep(1e4))", Over},
		{"gsub of a function", "local s = ('y'):rep(1e5) return ('x'):rep(1e5):gsub('x', function() return s end)", Over},
		{"concat", "local t, s = {}, ('x'):rep(1e5) for i = 1, 1e3 do t[i] = s end return table.concat(t)", Over},
		{"concat of a separator", "local t = {} for i = 1, 5000 do t[i] = '' end return table.concat(t, ('x'):rep(1e4))", Over},
		{"concat of a wide range", "return table.concat({}, '', 1, 2^53)", Failed},
		{"format width", "return string.format('%99999999d', 1)", Failed},
		{"format bomb", "local s = ('x'):rep(1e6) return string.format(('%s'):rep(100), s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s)", Over},
		{"unpack", "return unpack({}, 1, 1e7)", Limit},
		{"unpack that overflows", "return unpack({}, -2^53, 2^53)", Limit},
		{"byte", "return string.byte(('x'):rep(1e6), 1, -1)", Limit},
		{"varargs that grow", "local function f(...) return f(1, 2, 3, 4, 5, ...) end f()", Over | Failed},
		{"a pattern of stars", "return ('a'):rep(30):find(('a*'):rep(12) .. 'b')", Over},
		{"a pattern of minuses", "return ('a'):rep(100):find(('.-'):rep(20) .. 'b')", Over},
		{"a pattern of question marks", "return ('a'):rep(30):match(('a?'):rep(30) .. ('a'):rep(31))", Over},
		{"a pattern of captures", "return ('a'):rep(1e6):find(('(a*)'):rep(30) .. 'b')", Over},
		{"a pattern of balances", "return (('('):rep(1e6)):find('%b()')", Over},
		{"a pattern of back-references", "return (('a'):rep(1e6)):find('(a*)%1%1%1b')", Over},
		{"a deep pattern", "return ('x'):rep(300):find(('x?'):rep(300))", Failed},
		{"gmatch", "for x in ('a'):rep(1e6):gmatch('a*a*a*a*b') do end", Over},
		{"plain find", "local s = ('a'):rep(1e6) while true do s:find(('a'):rep(1e5) .. 'b', 1, true) end", Over},
		{"a table's high index", "local t = {} for i = 1, 1e9 do t[67108863 - i] = i end", Over},
		{"high indices of many tables", "local k = {} for i = 1, 1e9 do local t = {} t[65535] = 1 k[i] = t end", Over},
		{"high indices by rawset", "local k = {} for i = 1, 1e9 do local t = {} rawset(t, 65535, 1) k[i] = t end", Over},
		{"high indices by insert", "local k = {} for i = 1, 1e9 do local t = {} table.insert(t, 65535, 1) k[i] = t end", Failed},
		{"high indices by two", "local k = {} for i = 1, 1e9 do local t = {} t[65535], t[65534] = 1, 2 k[i] = t end", Over},
		{"high indices that are nil", "local k = {} for i = 1, 1e9 do local t = {} t[65535] = nil k[i] = t end", Over},
		{"a table that grows", "local t = {} for i = 1, 1e9 do t[i] = i end", Over},
		{"a table that grows by insert", "local t = {} while true do table.insert(t, 1, 1) end", Over},
		{"a hash that grows", "local t = {} for i = 1, 1e9 do t[-i] = i end", Over},
		{"a hash of names", "local t = {} for i = 1, 1e9 do t['k' .. i] = i end", Over},
		{"tables in tables", "local t = {} for i = 1, 1e9 do t[i] = {{{{}}}} end", Over},
		{"tables of varargs", "local k, f = {}, nil function f(...) for i = 1, 1e9 do k[i] = {...} end end f(unpack({}, 1, 999))", Over},
		{"fields of many tables", "local k = {} for i = 1, 1e9 do local t = {} t.x = 1 k[i] = t end", Over},
		{"methods of many tables", "local k = {} for i = 1, 1e9 do local t = {} function t.x() end k[i] = t end", Over},
		{"closures", "local k = {} for i = 1, 1e9 do k[i] = function() return k end end", Over},
		{"local closures", "local k = {} for i = 1, 1e9 do local function f() return i end k[i] = f end", Over},
		{"the length of holes", "local t = {} for i = 1, 60000 do t[i] = i end for i = 1, 60000 do t[i] = nil end while true do local n = #t end", Over},
		{"tostring that fails", "error(setmetatable({}, {__tostring = function() error 'again' end}))", Failed},
		{"tostring that loops", "error(setmetatable({}, {__tostring = function() while true do end end}))", Failed},
		{"an error of itself", "local t = {} t.message = t error(t)", Failed},
		{"yield across pcall", "return pcall(function() coroutine.yield(1) end), coroutine.yield(2)", Failed},
		{"yield in sort", "table.sort({2, 1}, function() coroutine.yield() end)", Failed},
		{"a broken comparison", "local t = {} for i = 1, 1e4 do t[i] = i end for i = 1, 1e9 do table.sort(t, function() return true end) end", Over},
		{"a string metatable of its own", "getmetatable('').__index = function(s, k) return s[k] end return ('x').y", Failed},
		{"exit", "os.exit(3)", Failed},
		{"debug", "debug.getregistry()", Failed},
		{"loadstring", "loadstring('while true do end')()", Failed},
		{"the hidden functions", "local c = _G['(charge)'] c(1)", Failed},
		{"sleep", "require('time').sleep(60)", Timeout},
		{"a flood of log lines", "local l = require 'log' while true do l.info(('x'):rep(1e4)) end", Over},
		{"sorting long texts", "local a, b, t = ('x'):rep(1e6), ('x'):rep(1e6) .. '', {} for i = 1, 6e4 do t[i] = i % 2 == 0 and a or b end table.sort(t)", Over},
		{"sorting by a comparison that loops", "table.sort({2, 1}, function() while true do end end)", Over},
		{"arithmetic on a million digits", "local s = ('0'):rep(1e6) while true do local x = s + 1 end", Over},
		{"tonumber of a million digits", "local s = ('0'):rep(1e6) while true do local x = tonumber(s) end", Over},
		{"keys of a megabyte", "local s, t = ('x'):rep(1e6), {} while true do t[s] = 1 local x = t[s] end", Over},
		{"comparing megabytes", "local a, b = ('x'):rep(1e6), ('x'):rep(1e6) while true do local x = a < b end", Over},
		{"a metatable for all strings", "setmetatable('', {__index = function() while true do end end})", Failed},
		{"a metatable for all functions", "setmetatable(print, {__call = print})", Failed},
		{"storms of coroutines", "while true do coroutine.wrap(function() while true do coroutine.yield() end end)() end", Failed},
		{"next over what was removed", "local t = {} for i = 1, 2e4 do t['k' .. i] = 1 end for i = 1, 2e4 do t['k' .. i] = nil end while true do next(t) end", Over},
		{"json that nests", "return require('json').decode(('['):rep(1e6)) ~= nil or error('refused')", Failed},
		{"json that grows", "local j = require 'json' local t = {} for i = 1, 1e5 do t[i % 6e4 + 1] = ('x'):rep(1e3) end return j.encode(t)", Over},
		{"json of itself", "local t = {} t.t = t require('json').encode(t)", Failed},
		{"json of numbers without end", "local j, s = require 'json', ('9'):rep(1e6) while true do j.decode(s) end", Over},
		{"a catastrophe of re2", "local r = require 're2' while true do r.match('(a*)*b', ('a'):rep(1e4)) end", Over},
		{"a large pattern of re2", "require('re2').match('(((a{30}){30}){30})', ('a'):rep(1e6))", Limit | Failed},
		{"patterns of re2 without end", "local r, i = require 're2', 0 while true do i = i + 1 r.match('x' .. i .. '(a|b|c)*', 'y') end", Over},
		{"digests without end", "local h, s = require 'hash', ('x'):rep(1e6) while true do h.sha512(s) end", Over},
		{"keys derived without end", "local h = require 'hash' while true do h.pbkdf2('sha512', 'x', 'y', 50000) end", Over},
		{"packing without end", "local b, s = require 'bytes', ('x'):rep(1e6) while true do b.pack('s4', s) end", Over},
		{"replacements that multiply", "return require('re2').replace('x', ('x'):rep(1e5), ('$0'):rep(1000))", Over},
		{"a store without end", "local s = require 'store' for i = 1, 1e9 do s.set('k' .. i, ('x'):rep(4096)) end", Over},
		{"metrics without end", "local m = require 'metric' for i = 1, 1e9 do m.gauge('m', 1, {labels = {a = 'x' .. i}}) end", Over},
		{"the process table without end", "local p = require 'process' while true do p.count{cmdline = 'x', older = 0.1} end", Over},
		{"files without end", "local f = require 'file' while true do f.read('/proc/self/maps') f.exists('/') end", Over},
	}
}

// Pieces are more of them: what is made of odd arguments, what is made once for each
// of many small pieces, and what the machine itself says.
func Pieces() []Script {
	return []Script{
		{"a number of a megabyte of letters", "local s = ('z'):rep(1e6) while true do tonumber(s, 36) end", Over},
		{"arithmetic on a megabyte of letters", "local s = ('x'):rep(1e6) while true do pcall(function() return s + 1 end) pcall(function() return -s end) end", Over},
		{"messages that quote a megabyte", "local s = ('x'):rep(1e6) while true do pcall(function() return (nil)[s] end) pcall(function() return ({})[s]() end) end", Over},
		{"errors that grow in a tower of pcall", "local function f(n) if n == 0 then error(('x'):rep(1e5)) end local ok, e = pcall(f, n - 1) error(e .. n) end while true do pcall(f, 100) end", Over},
		{"a format of percents", "local f = ('%%'):rep(5e5) while true do pcall(string.format, f) end", Over},
		{"a format of zeros", "local z = ('\\0'):rep(1e6) while true do pcall(string.format, '%q', z) end", Over},
		{"a replacement of percents", "local r = ('%%'):rep(4e5) while true do pcall(string.gsub, 'x', 'x', r) end", Over},
		{"a table that answers each match", "local t = setmetatable({}, {__index = function() return ('y'):rep(1e5) end}) while true do pcall(string.gsub, ('x'):rep(1e5), '.', t) end", Over},
		{"an iterator for each item", "local k = {} for i = 1, 1e9 do k[i] = ('x'):rep(1e5):gmatch('.') end", Over},
		{"a set of a megabyte", "local p = '[^' .. ('b'):rep(9e5) .. ']-c' while true do (('a'):rep(1000)):find(p) end", Over},
		{"a comparison that takes the list away", "local t = {} while true do for i = 1, 1e4 do t[i] = i % 7 end pcall(table.sort, t, function(a, b) t[#t] = nil t[1] = nil return a < b end) end", Over},
		{"a comparison that raises its list", "local t = {} for i = 1, 5e4 do t[i] = -i end while true do pcall(table.sort, t, function() error(t) end) end", Over},
		{"the largest key of a hash", "local t = {} for i = 1, 9e4 do t[i + 0.5] = 1 end while true do table.maxn(t) end", Over},
		{"a list that turns", "local t = {} for i = 1, 6e4 do t[i] = i end while true do table.insert(t, 1, table.remove(t, 1)) end", Over},
		{"calls of what calls itself", "local t = {} setmetatable(t, {__call = t}) while true do pcall(t) end", Over},
		{"assignments in a circle", "local a, b = {}, {} setmetatable(a, {__newindex = b}) setmetatable(b, {__newindex = a}) while true do pcall(function() a.x = 1 end) end", Over},
		{"comparisons of comparisons", "local mt = {} mt.__eq = function(a, b) return a == b end mt.__lt = function(a, b) return a < b end local a, b = setmetatable({}, mt), setmetatable({}, mt) while true do pcall(function() return a == b end) pcall(function() return a < b end) end", Over},
		{"handlers that fail", "local function h(e) return xpcall(error, h) end while true do xpcall(error, h) end", Over},
		{"json of empty lists", "local j = require 'json' local s = '[' .. ('[],'):rep(3e5) .. '[]]' while true do j.decode(s) end", Over},
		{"json of blanks", "local j = require 'json' local s = (' '):rep(1e6) .. '1' while true do j.decode(s) end", Over},
		{"json of octets that are no text", "local j = require 'json' local s = ('\\255'):rep(3e5) while true do pcall(j.encode, s) end", Over},
		{"all matches of nothing", "local r = require 're2' local s = ('a'):rep(1e6) while true do pcall(r.find_all, '', s) end", Over},
		{"matches that each read all", "local r = require 're2' local s = ('a'):rep(5e5) while true do r.replace('a*b|a', s, '') end", Over},
		{"matches that each read all, in a list", "local r = require 're2' local s = ('a'):rep(2e5) while true do r.find_all('a*b|a', s) end", Over},
		{"matches at words that each read all", "local r = require 're2' local s = ('a '):rep(1e5) while true do r.replace([[(?:\\ba ?)*b|\\ba]], s, '') end", Over},
		{"repeats of repeats in re2", "local r = require 're2' local s = ('a'):rep(1e6) while true do pcall(r.match, '(?:a{1,100}){1,9}b', s) end", Over},
		{"captures of re2", "local r = require 're2' local s = ('a'):rep(1e6) while true do pcall(r.match, ('(a?)'):rep(300) .. 'b', s) end", Over},
		{"a key that is none", "local h = require 'hash' local s = '-----BEGIN PUBLIC KEY-----\\n' .. ('AAAA\\n'):rep(2e5) .. '-----END PUBLIC KEY-----\\n' while true do pcall(h.rsa_oaep, s, 'x') end", Over},
		{"base64 of equals", "local b = require 'bytes' local s = ('='):rep(1e6) while true do pcall(b.unbase64, s) end", Over},
		{"dates without end", "local t = require 'time' local f = ('%F %T %Z'):rep(1e5) while true do pcall(t.format, f) pcall(t.format, '%F', 0/0) end", Over},
		{"sleeps of no time", "local t = require 'time' while true do pcall(t.sleep, 0) pcall(t.sleep, -1) pcall(t.sleep, 0/0) end", Over},
		{"odd ends of values", "local s = require 'store' while true do pcall(s.set, 'k', 'v', {expires = 1e300}) pcall(s.set, 'k', 'v', {expires = 0/0}) pcall(s.set, ('k'):rep(1e6), 1) pcall(s.get, ('k'):rep(1e6)) end", Over},
		{"a module that answers itself", "local h = require 'http' for k in pairs(h) do h[k] = nil end setmetatable(h, {__index = function(t, k) return t[k] end}) while true do pcall(function() return h.get end) end", Over},
		{"a global that answers itself", "setmetatable(_G, {__index = function(t, k) return t[k] end}) while true do pcall(function() return undefined end) end", Over},
		{"names and addresses of a megabyte", "local d, h, n = require 'dns', require 'http', require 'net' while true do pcall(d.query, ('x.'):rep(1e5), 'A', {server = '127.0.0.1:1'}) pcall(h.get, 'http://[' .. (':'):rep(1e5) .. ']/') pcall(n.interface, ('x'):rep(1e6)) end", Over},
		{"a thousand arguments", "local a, h = {}, require 'http' for i = 1, 999 do a[i] = i end while true do pcall(h.get, unpack(a)) pcall(tostring, unpack(a)) pcall(math.max, unpack(a)) end", Over},
	}
}
