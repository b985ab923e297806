// Package health is the life of one check of a real server: when it is due,
// and what its verdicts add up to.
//
// It probes nothing, knows no server, and draws no random numbers. core/node
// drives it: it asks for the deadline, lets Tick say that a probe is due, has
// the edge run it, and hands the verdict to Answer. core/balance makes of the
// states of all checks what IPVS should hold.
//
// # States
//
// A check is up or down. It begins up, or down with Config.Alpha, as in
// keepalived: without alpha a server serves until its first check fails. A
// verdict that says the same as the state ends every row of contrary ones. Of
// contrary ones it takes Fall failures in a row to go down and Rise successes
// in a row to come up. keepalived's retry is Fall less one.
//
// One result decides alone in three cases: a failure of a check that has never
// had a result (keepalived's rule of the first failure; Config.First has what else
// it may do), and the first result after a state that no result of this check gave:
// one that it was lent by a reload, and one that OnUnknown made.
//
// # Unknown
//
// A verdict is unknown when the check could not be made at all: its plugin died
// or hangs, or its answer was lost. That says nothing about the server, so the
// state stands, and so does the row of contrary verdicts. When there was
// nothing but unknown verdicts for Config.Grace the check becomes what
// Config.OnUnknown says. The time in which a check rests does not count.
//
// # When it is due
//
// The first run is due at a random part of Config.Warmup. From then on the runs
// keep to a grid of Config.Interval, from start to start, so that thousands of
// checks which were spread once stay spread and each is made as often as it
// says. keepalived counts from end to start: its checks drift, and are made
// less often the longer they take. A slot in which the last run still goes on is left out.
// After a verdict that is contrary to the state and does not change it, the
// next run is due Config.Doubt after the end of this one, as with keepalived's
// delay_before_retry, or with Config.FromStart after its start but not before its
// end, and the grid begins anew there. After an unknown one it
// is due on a grid of Config.Doubt, which keeps those apart that failed at one
// instant because one plugin died. While unknown ones go on, its step is as long as
// they have lasted, up to the interval: what cannot be answered for long is not
// asked ever faster by thousands.
//
// A check that is found more than an interval late, because the process was
// stopped or the machine asleep, is not made at once but at its next place on
// the grid: thousands that were missed are not made up for together. Late
// tells.
package health
