package lua

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestStoreOctets: all scripts together keep so many octets; what is dropped makes
// room, in whatever way it is.
func TestStoreOctets(t *testing.T) {
	s, text := new(Store), strings.Repeat("x", maxStoreValue)
	fill := func() (n int, err error) {
		for ; err == nil; n++ {
			err = s.set(fmt.Sprint("script ", n/maxStoreKeys), fmt.Sprintf("%04d", n%maxStoreKeys), stored{value: text})
		}
		return n - 1, err
	}
	n, err := fill()
	if want := maxStored / (maxStoreValue + 4); n != want || err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Fatalf("%d values were kept, then %v; want %d", n, err, want)
	}
	if err := s.set("script 0", "0000", stored{value: strings.Repeat("y", maxStoreValue)}); err != nil {
		t.Errorf("in the place of one as large: %v", err)
	}
	if err := s.set("other", "k", stored{value: text}); err == nil {
		t.Error("there was room although there was none")
	}
	if err := s.set("script 0", "0000", stored{}); err != nil {
		t.Error(err)
	}
	if err := s.set("other", "k", stored{value: text, ends: time.Now().Add(time.Millisecond)}); err != nil {
		t.Errorf("after one was dropped: %v", err)
	}
	time.Sleep(2 * time.Millisecond)
	if err := s.set("script 0", "0000", stored{value: text}); err != nil {
		t.Errorf("after another one's end: %v", err)
	}
	s.Forget(func(name string) bool { return name != "script 1" })
	if err := s.set("script 2", "k", stored{value: text}); err == nil {
		t.Error("a script keeps more than its 256 values")
	}
	for i := range maxStoreKeys {
		if err := s.set("script 1", fmt.Sprintf("%04d", i), stored{value: text}); err != nil {
			t.Fatalf("value %d after a script was forgotten: %v", i, err)
		}
	}
	s.Forget(func(string) bool { return false })
	if s.octets != 0 {
		t.Errorf("%d octets are counted of nothing", s.octets)
	}
}

// TestMetricsOctets: the texts of series are bounded, and those that are forgotten
// make room.
func TestMetricsOctets(t *testing.T) {
	m, n := new(Metrics), 0
	var err error
	for ; err == nil; n++ {
		err = m.publish(Sample{Script: "s", Name: fmt.Sprint("m", n), Help: strings.Repeat("h", 500), Labels: []Label{{"a", strings.Repeat("v", 2000)}}})
	}
	if n < 500 || n > 1000 || !strings.Contains(err.Error(), "2 MiB") {
		t.Errorf("%d series, then %v", n, err)
	}
	if err := m.publish(Sample{Script: "s", Name: "m0", Labels: []Label{{"a", strings.Repeat("v", 2000)}}, Value: 7}); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	m.Forget(func(string) bool { return false })
	if m.octets != 0 {
		t.Errorf("%d octets are counted of nothing", m.octets)
	}
}

// TestJSONNumbers: numbers are read as before, and one that is too long is
// refused before it is read.
func TestJSONNumbers(t *testing.T) {
	r := runner(t, `
local json = require "json"
return function()
  local list = json.decode("[0, -1.5, 1e3, 123456789012, " .. ("9"):rep(300) .. "]")
  if table.concat(list, " ", 1, 4) ~= "0 -1.5 1000 123456789012" or list[5] < 1e299 then return false, "read wrong" end
  local long, why = json.decode('{"a": ' .. ("9"):rep(1e5) .. "}")
  if long or why ~= "a number has more than 1024 characters" then return false, why end
  local huge, why = json.decode("1e999")
  if huge then return false, "1e999 is a number" end
  return true, why
end`, Options{})
	ok, message, err := r.Check(within(t, 5*time.Second))
	if !ok || err != nil {
		t.Errorf("%v %q %v", ok, message, err)
	}
}
