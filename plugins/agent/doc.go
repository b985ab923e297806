// Package agent is the check AGENT_CHECK: an agent on the server says in a line
// whether the server wants work and how much, in the protocol of HAProxy's
// agent-check.
//
// The words of a line are separated by blanks and commas:
//
//	75%                          a part of the configured weight
//	ready, drain, maint          whether the server is meant to work at all
//	up                           it works
//	down, failed, fail, stopped  it does not; behind a # stands why
//	maxconn:N                    has no counterpart in IPVS and is passed over
//
// What a line does not say stays as the last one said, as in HAProxy, also when the
// process of the checker is a new one or the check's options change; before
// the first one it is up, ready and 100%. maint and down are failures, drain is
// a success with the weight 0. An agent that cannot be reached, or says nothing
// of this, makes the check unknown and changes nothing by itself, as in HAProxy:
// on_unknown says what becomes of the server when that lasts, and another check
// tells whether it works.
package agent
