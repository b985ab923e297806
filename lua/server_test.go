package lua

import (
	"strings"
	"testing"
	"time"
)

// TestCheckServer holds what a script is told of a server and what it may say.
func TestCheckServer(t *testing.T) {
	about := Subject{Server: "192.0.2.11:80", Service: "192.0.2.1:80"}
	for name, tt := range map[string]struct {
		body string
		want Judgement
		err  string
	}{
		"what it is told":           {`return function(ctx) return ctx.server == "192.0.2.11:80" and ctx.service == "192.0.2.1:80" and ctx.args.a == "b", ctx.server end`, Judgement{OK: true, Message: "192.0.2.11:80"}, ""},
		"a failure":                 {`return function() return false, "no" end`, Judgement{Message: "no"}, ""},
		"a weight":                  {`return function() return {ok = true, weight = 7.9, message = "m"} end`, Judgement{true, "m", true, 7}, ""},
		"a weight of 0":             {`return function() return {ok = true, weight = 0} end`, Judgement{true, "", true, 0}, ""},
		"a weight function":         {`return {check = function() return true end, weight = function(ctx) return #ctx.server end}`, Judgement{true, "", true, 13}, ""},
		"the table's weight counts": {`return {check = function() return {ok = true, weight = 1} end, weight = function() return 2 end}`, Judgement{true, "", true, 1}, ""},
		"no weight of what fails":   {`return {check = function() return false end, weight = function() error "not asked" end}`, Judgement{}, ""},
		"below zero":                {`return function() return {ok = true, weight = -1} end`, Judgement{}, "the weight is -1; it must be a number from 0 to 2147483647"},
		"no number":                 {`return function() return {ok = true, weight = "7"} end`, Judgement{}, "the weight is a string value"},
		"weight gives nothing":      {`return {check = function() return true end, weight = function() end}`, Judgement{}, "weight returned nothing"},
		"something else":            {`return function() return {ok = true, wieght = 3} end`, Judgement{}, `check returned a table with "wieght"`},
		"no check":                  {`return {on_change = function() end}`, Judgement{}, "the script has no function check"},
	} {
		r := runner(t, tt.body, Options{Args: map[string]any{"a": "b"}})
		got, err := r.CheckServer(within(t, 5*time.Second), about)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v, %q", name, got, err, tt.want, tt.err)
		}
	}
}
