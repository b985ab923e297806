package agent

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// state is what an agent has said so far.
type state struct {
	// percent is a part of the configured weight; told says that the agent
	// ever spoke of weight, by a number or by drain.
	percent int
	told    bool
	admin   string // ready, drain or maint
	down    string // what it was called, up when empty
	why     string
}

// saved is a state as text, for the next process.
type saved struct {
	Percent int    `json:"percent"`
	Told    bool   `json:"told,omitempty"`
	Admin   string `json:"admin"`
	Down    string `json:"down,omitempty"`
	Why     string `json:"why,omitempty"`
}

// save is the state as text.
func (s *state) save() string {
	b, err := json.Marshal(saved{s.percent, s.told, s.admin, s.down, s.why[:min(len(s.why), maxWhy)]})
	if err != nil {
		panic("agent: a state cannot be written: " + err.Error()) // it is texts and a number
	}
	return string(b)
}

// restore takes a text of save; what is none changes nothing.
func (s *state) restore(text string) {
	var in saved
	if json.Unmarshal([]byte(text), &in) != nil || in.Percent < 0 || in.Percent > maxPercent || !slices.Contains(admins, in.Admin) ||
		in.Down != "" && !slices.Contains(downs, in.Down) {
		return
	}
	*s = state{in.Percent, in.Told, in.Admin, in.Down, in.Why}
}

// The words for what a server is meant to do, and for that it does not work.
var (
	admins = []string{"ready", "drain", "maint"}
	downs  = []string{"down", "failed", "fail", "stopped"}
)

// maxWhy is how much of why is shown, in bytes.
const maxWhy = 100

// maxPercent is more than any weight of IPVS is of 1.
const maxPercent = 65535 * 100

// hear takes a line over, or says what is wrong with it. passed are the words
// without effect.
func (s *state) hear(line string) (passed []string, err error) {
	line, why, _ := strings.Cut(line, "#")
	next := *s
	known := false
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		lower := strings.ToLower(word)
		switch {
		case slices.Contains(admins, lower):
			next.admin = lower
			next.told = next.told || lower == "drain"
		case lower == "up":
			next.down, next.why = "", ""
		case slices.Contains(downs, lower):
			next.down, next.why = lower, strings.TrimSpace(why)
		default:
			if digits, ok := strings.CutSuffix(word, "%"); ok {
				n, err := strconv.ParseUint(digits, 10, 31)
				if err != nil || n > maxPercent {
					return nil, fmt.Errorf("%q is no part of a weight", word)
				}
				next.percent, next.told = int(n), true
				break
			}
			passed = append(passed, word)
			if n, ok := strings.CutPrefix(lower, "maxconn:"); ok {
				if _, err := strconv.ParseUint(n, 10, 31); err == nil {
					break
				}
			}
			continue
		}
		known = true
	}
	if !known {
		return nil, fmt.Errorf("the agent says %q, which has none of the words of an agent", line[:min(len(line), 100)])
	}
	*s = next
	return passed, nil
}

// weight is the configured weight's part, and none when the agent never spoke
// of it. It is cut to a whole number, as HAProxy does, but what is more than
// nothing stays more than nothing.
func (s *state) weight(configured int) *int {
	if !s.told {
		return nil
	}
	w := 0
	if s.admin != "drain" {
		part := int64(configured) * int64(s.percent)
		if w = int(min(part/100, math.MaxInt32)); w == 0 && part > 0 {
			w = 1
		}
	}
	return &w
}

// String is what the agent said, for people.
func (s *state) String() string {
	words := []string{"up"}
	if s.down != "" {
		words[0] = s.down
	}
	if s.admin != "ready" {
		words = append(words, s.admin)
	}
	if s.told {
		words = append(words, strconv.Itoa(s.percent)+"%")
	}
	text := strings.Join(words, ", ")
	if s.why != "" {
		text += fmt.Sprintf(": %q", s.why[:min(len(s.why), maxWhy)])
	}
	return text
}
