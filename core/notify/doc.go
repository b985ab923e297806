// Package notify tells the outside what a node's changes of role are: it runs
// the programs and the Lua functions that the configuration names for them.
//
// It decides nothing about roles, retries nothing, and sends no mail. The
// engine calls Notify for each change, in order, and Drain at the stop; the
// command makes the Notifier and hands it new targets at a reload.
//
// # Order
//
// Each instance and each sync group is one name, with a queue and at most one
// goroutine of its own. The changes of a name are delivered one after the
// other, and of one change first the state's program (notify_master and so
// on), then the generic one (notify), then the Lua file, as in keepalived;
// but none starts before the one before it has ended. So what the outside
// was told last is what happened last. Different names do not wait for each
// other.
//
// A program or function has Options.Timeout; then it is told to end and the
// next one's turn comes, at the latest some seconds after. What fails is
// logged and never tried again: the next change supersedes it.
//
// # Too many changes
//
// A queue holds QueueBound changes beside the one being delivered. When one
// more comes the oldest in the queue is dropped: the newest, which says how
// things stand, is always delivered. The drop is logged with the count, and
// the next program learns it from MOONKEEP_DROPPED.
//
// # The stop
//
// The time to stop is short, and what counts is the change that comes last,
// mostly STOP. Drain keeps, when time runs short, only the newest change, and counts
// the others as dropped. What is being delivered before it gets a third of the
// time; then its program is told to end and what else would be told of that
// change is left out. A program that does not end gets another third before
// the newest change is delivered beside it. So that one always has a third of
// the time at least, and two thirds when programs end as they are told to. A
// delivery that nothing waits for has all the time.
//
// # What programs are told
//
// The state is MASTER, BACKUP, FAULT, STOP (an orderly stop) or DELETED (a
// reload removed the instance, and Target.TellDeleted is set; otherwise that
// is told as FAULT, as in keepalived). A change to INIT that is neither is
// told to nobody.
//
// The program of a state gets the arguments that the configuration gives it.
// There is none for DELETED. The generic one gets four more:
//
//	INSTANCE|GROUP  NAME  STATE  PRIORITY
//
// where a group's priority is 0. Both find in their environment:
//
//	MOONKEEP_KIND       INSTANCE or GROUP
//	MOONKEEP_NAME       its name
//	MOONKEEP_STATE      as above
//	MOONKEEP_FROM       the role before: INIT, BACKUP, MASTER or FAULT
//	MOONKEEP_TO         the role now
//	MOONKEEP_PRIORITY   the effective priority, 0 for a group
//	MOONKEEP_WHY        one line, for people
//	MOONKEEP_SEQ        the number of the change on this node, from 1
//	MOONKEEP_DROPPED    how many changes of this name were dropped just before
//	MOONKEEP_ADDRESSES  the virtual addresses, as ADDRESS/LENGTH, separated by
//	                    spaces; empty for a group
package notify
