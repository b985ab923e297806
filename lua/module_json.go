package lua

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxJSONDepth is how deep what is read or written may nest.
const maxJSONDepth = 64

// maxJSONNumber is how many characters a number may have. What is longer would be
// read for tens of milliseconds, in which the call cannot be stopped.
const maxJSONNumber = 1024

// nullMark is the type of json.null, which stands for null where a nil would
// lose it.
type nullMark struct{}

// null returns the state's json.null.
func (s *state) null() lua.LValue {
	if s.jsonNull == nil {
		s.jsonNull = s.l.NewUserData()
		s.jsonNull.Value = nullMark{}
	}
	return s.jsonNull
}

func jsonModule() Module {
	return Module{
		Name: "json",
		Doc:  "JSON. A list is a table with the keys 1 to n. What is read or written may nest 64 levels deep. Numbers are those of Lua: integers beyond 2^53 lose digits; one that is read has 1,024 characters at most.",
		Constants: []Constant{
			{Name: "null", Type: "userdata", Doc: "stands for null, in what is decoded and in what is encoded", value: (*state).null},
		},
		Functions: []Function{
			{Name: "decode", Doc: "reads a text", Params: []Value{arg("text", "string", "one JSON value")}, Returns: []Value{ret("any", "the value")}, Fails: true, call: jsonDecode},
			{
				Name: "encode", Doc: "writes a value, the names of an object in order", Params: []Value{arg("value", "any", "a table, string, number, boolean or json.null; an empty table is an object")},
				Options: []Value{opt("list", "boolean", "an empty table is a list, at every level")}, Returns: []Value{ret("string", "the text")}, call: jsonEncode,
			},
		},
	}
}

func jsonDecode(c call) int {
	text := c.l.CheckString(1)
	value, err := c.decode([]byte(text))
	if err != nil {
		return c.fail("%s", err.Error())
	}
	return c.push(value)
}

// decode turns JSON into a value of Lua.
func (c call) decode(text []byte) (lua.LValue, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	c.s.meter.charge(c.l, 2*len(text)+1024)
	value, err := c.decodeValue(d, 0)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind the value")
	}
	return value, nil
}

func (c call) decodeValue(d *json.Decoder, depth int) (lua.LValue, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	// Reading a token takes as long as some tens of instructions.
	c.s.meter.work(c.l, 100)
	c.s.meter.charge(c.l, 48)
	switch v := token.(type) {
	case json.Delim:
		if depth >= maxJSONDepth {
			return nil, errors.New("it nests more than " + strconv.Itoa(maxJSONDepth) + " levels deep")
		}
		c.s.meter.charge(c.l, costTable)
		if v == '[' {
			return c.decodeList(d, depth)
		}
		return c.decodeObject(d, depth)
	case string:
		return lua.LString(v), nil
	case json.Number:
		if len(v) > maxJSONNumber {
			return nil, errors.New("a number has more than " + strconv.Itoa(maxJSONNumber) + " characters")
		}
		n, err := v.Float64()
		return lua.LNumber(n), err
	case bool:
		return lua.LBool(v), nil
	}
	return c.s.null(), nil
}

func (c call) decodeList(d *json.Decoder, depth int) (lua.LValue, error) {
	tb := c.l.NewTable()
	for n := 1; d.More(); n++ {
		value, err := c.decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		c.s.chargeKey(c.l, tb, lua.LNumber(n))
		tb.RawSetInt(n, value)
	}
	_, err := d.Token()
	return tb, err
}

func (c call) decodeObject(d *json.Decoder, depth int) (lua.LValue, error) {
	tb := c.l.NewTable()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := c.decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		name := lua.LString(key.(string))
		c.s.chargeKey(c.l, tb, name)
		tb.RawSet(name, value)
	}
	_, err := d.Token()
	return tb, err
}

func jsonEncode(c call) int {
	value, opts := c.l.CheckAny(1), c.options()
	var b strings.Builder
	c.encode(&b, value, opts.flag("list", false), 0)
	return c.push(lua.LString(b.String()))
}

// encode writes a value; it raises an error for what JSON cannot say.
func (c call) encode(b *strings.Builder, value lua.LValue, list bool, depth int) {
	if depth > maxJSONDepth {
		c.l.RaiseError("%s: the value nests more than %d levels deep", c.name, maxJSONDepth)
	}
	c.s.meter.work(c.l, 16)
	switch v := value.(type) {
	case lua.LBool:
		c.add(b, v.String())
	case lua.LNumber:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			c.l.RaiseError("%s: %s is no number in JSON", c.name, v.String())
		}
		c.add(b, strconv.FormatFloat(float64(v), 'f', -1, 64))
	case lua.LString:
		c.addString(b, string(v))
	case *lua.LTable:
		c.encodeTable(b, v, list, depth)
	default:
		if value != c.s.null() {
			c.l.RaiseError("%s: a %s value cannot be written as JSON", c.name, value.Type())
		}
		c.add(b, "null")
	}
}

// add appends a piece, and charges for it.
func (c call) add(b *strings.Builder, piece string) {
	if b.Len()+len(piece) > maxString {
		c.s.meter.stop(c.l, "a string longer than %d KiB", maxString>>10)
	}
	c.s.meter.charge(c.l, 2*len(piece))
	b.WriteString(piece)
}

func (c call) addString(b *strings.Builder, text string) {
	c.s.meter.charge(c.l, len(text))
	quoted, err := json.Marshal(text)
	if err != nil {
		c.l.RaiseError("%s: %s", c.name, err.Error())
	}
	c.add(b, string(quoted))
}

func (c call) encodeTable(b *strings.Builder, tb *lua.LTable, list bool, depth int) {
	var names []string
	n := 0
	tb.ForEach(func(key, _ lua.LValue) {
		switch k := key.(type) {
		case lua.LString:
			c.s.meter.charge(c.l, 2*costItem)
			names = append(names, string(k))
		case lua.LNumber:
			n++
		default:
			c.l.RaiseError("%s: a key is a %s value; want strings, or a list", c.name, key.Type())
		}
	})
	switch {
	case n > 0 && (len(names) > 0 || n != tb.Len()):
		c.l.RaiseError("%s: a table has numbers as keys and is no list", c.name)
	case n > 0 || list && len(names) == 0:
		c.add(b, "[")
		for i := 1; i <= n; i++ {
			if i > 1 {
				c.add(b, ",")
			}
			c.encode(b, tb.RawGetInt(i), list, depth+1)
		}
		c.add(b, "]")
	default:
		sort.Strings(names)
		c.add(b, "{")
		for i, name := range names {
			if i > 0 {
				c.add(b, ",")
			}
			c.addString(b, name)
			c.add(b, ":")
			c.encode(b, tb.RawGetString(name), list, depth+1)
		}
		c.add(b, "}")
	}
}
