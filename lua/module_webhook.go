package lua

import (
	"net/http"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// The waits between the tries of a webhook: the first, doubled each time up to
// the longest.
const (
	firstRetry   = 200 * time.Millisecond
	longestRetry = 5 * time.Second
)

func webhookModule() Module {
	return Module{
		Name: "webhook",
		Doc:  "Messages to other services. A try that finds nobody, or that is answered with 429 or 5xx, is repeated after 0.2 s, 0.4 s and so on up to 5 s, until the tries or the call's time are used up.",
		Functions: []Function{{
			Name: "post", Doc: "sends a value as JSON", Params: []Value{arg("url", "string", "http:// or https://"), arg("value", "any", "a table, which is encoded as json.encode does; a string is sent as it is")},
			Options: slices.Concat([]Value{
				timeoutOption(),
				opt("tries", "integer", "how often it is tried, 5 unless given, at most 20").between(1, 20),
				opt("headers", "table<string, string>", "headers to send; Content-Type is application/json unless given"),
				opt("connect", "string", "connects to this address in place of the URL's, as in http"),
			}, tlsOptions()),
			Returns: []Value{ret("http.Response", "the answer of the last try; its status is below 300"), ret("integer", "how many tries it took")}, Fails: true, Grant: GrantNet, Acts: true, call: webhookPost, accept: acceptWebhook,
		}},
	}
}

// acceptWebhook raises the errors of webhook.post.
func acceptWebhook(c call) {
	c.message()
	c.acceptRequest(http.MethodPost, 1)
}

// message is the body that the second argument makes.
func (c call) message() string {
	switch v := c.l.CheckAny(2).(type) {
	case lua.LString:
		return string(v)
	default:
		var b strings.Builder
		c.encode(&b, v, false, 0)
		return b.String()
	}
}

// webhookPost is webhook.post(url, value [, options]).
func webhookPost(c call) int {
	opts := c.options()
	var body string
	c.s.compute(func() { body = c.message() })
	ctx, cancel := c.within(opts)
	defer cancel()
	tries, wait := opts.integer("tries", 5), firstRetry
	for n := 1; ; n++ {
		x := &exchange{limit: maxBody, json: true}
		res, err := c.exchange(ctx, x, http.MethodPost, c.l.CheckString(1), body, opts)
		switch {
		case err == nil && res.StatusCode < 300:
			return c.push(c.response(x, res)) + c.push(lua.LNumber(n))
		case err == nil && res.StatusCode != http.StatusTooManyRequests && res.StatusCode < 500:
			return c.fail("the answer is status %d", res.StatusCode)
		}
		timer := time.NewTimer(wait)
		if n < tries {
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		timer.Stop()
		if n == tries || ctx.Err() != nil {
			if err != nil {
				return c.fail("%v (%d tries)", err, n)
			}
			return c.fail("the answer is status %d (%d tries)", res.StatusCode, n)
		}
		wait = min(2*wait, longestRetry)
	}
}
