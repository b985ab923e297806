// Package engine runs one node: it feeds it from the kernel, the clock and
// the checks, and carries its actions out.
//
// It decides nothing. What acts is reached through interfaces, which
// cmd/moonkeep/daemon wires: Kernel to core/kernel, Alarm to core/kernel/alarm,
// Checks to core/program and lua, Probes to plugins/host, Notifier to core/notify,
// Balancer to core/kernel/ipvs, and Watcher and Policy to parts of its own.
//
// The goroutines of a running Engine, all ended by Run before it returns unless
// what they call hangs:
//
//	loop    owns the node, but while it waits; never blocks. It waits for the alarm only, which goes
//	        off at the node's deadline and is rung by whoever leaves something
//	        for it. Sends adverts and BFD packets itself, so that nothing can
//	        delay them.
//	lane 1  sets and removes addresses and announces them, in order. Its queue
//	        holds at most a claim, a release and an announcement for each
//	        instance: a newer one replaces what it makes pointless. What is told
//	        of a change waits there for its addresses (maxTold at most).
//	teller  writes the log and the journal. Its queue holds queueLen entries;
//	        when full the oldest is dropped and counted, so that a hung log
//	        delays nothing.
//	runs    one goroutine for each run of a check, ended by its context. The
//	        node never has two runs of one check under way.
//
// While the loop waits, the kernel's goroutine that brings adverts has the turn: it
// has the node judge them and carries out what follows, as the loop would. While the
// loop works they wait in mail, at most mailLen of them; any more are dropped and
// counted. The inbox holds inboxLen events of other kinds. A BFD packet that
// finds it full is dropped and counted; any other event waits for room. Answers of
// probes have a queue of their own, which is looked at behind both; who answers
// waits for room.
package engine
