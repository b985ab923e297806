// Package notify tells the outside what a node's changes of role are: it runs
// the programs and the Lua functions that the configuration names for them,
// writes them to FIFOs and mails them.
//
// It decides nothing about roles. The engine calls Notify for each change, in
// order, and Drain at the stop; the command makes the Notifier and hands it
// another Plan at a reload. Programs, FIFOs and mail do not wait for each
// other, and whoever notifies waits for none of them.
//
// # Order
//
// Each instance and each sync group is one name, with a queue and at most one
// goroutine of its own. The changes of a name are delivered one after the
// other, and of one change first the state's program (notify_master and so
// on), then the generic one (notify), then the Lua file, as in keepalived; a
// Lua function may stand in the place of each program;
// but none starts before the one before it has ended. So what the outside
// was told last is what happened last. Different names do not wait for each
// other, but for a group, which is told when its members were told of what
// happened before.
//
// A program has Options.Timeout, and the functions that a change calls in a Lua file
// have a minute together; then it is told to end and the
// next one's turn comes, at the latest some seconds after. What fails is
// logged and never tried again: the next change supersedes it.
//
// # Too many changes
//
// A queue holds QueueBound changes beside the one being delivered. When one
// more comes the oldest in the queue is dropped: the newest, which says how
// things stand, is always delivered. The drop is logged with the count, and
// the next program learns it from MOONKEEP_DROPPED, and a Lua function from its event.
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
// # FIFOs
//
// A FIFO gets a line for each change, in the order in which they happened:
//
//	INSTANCE|GROUP "NAME" STATE PRIORITY
//
// where STATE may also be MASTER_PRIORITY or BACKUP_PRIORITY, when only the
// priority changed, and MASTER_RX_LOWER_PRI, when a master heard another one of
// lower priority. A FIFO that is not there is made, with mode 0644, and removed
// at the end. What is written is kept by the kernel until somebody reads it, up
// to some 64 KiB; then lines are dropped, counted, and one line of the log says
// so. A reload does not close a FIFO, so that its readers see no end.
//
// Of virtual and real servers it gets, as keepalived writes them:
//
//	VS [ADDRESS]:PROTOCOL:PORT UP|DOWN
//	RS [ADDRESS]:PROTOCOL:PORT [ADDRESS]:PROTOCOL:PORT UP|DOWN
//
// where the second is the virtual server, "FWM MARK" one of a firewall mark, and
// "[NAME]:N" one of a group, with the number of those of the group that stand before
// it. PROTOCOL is none where only marks say which packets belong to it, and PORT is 0
// with a mark and DR or TUN.
//
// The reader that the configuration names runs with the FIFO's path as its last
// argument. It is ended and started anew at each reload, and started again when
// it fails. At the stop it gets what was written last, sees the end, and is then
// told to end.
//
// # Mail
//
// An alert is mailed for each change of role of who asks for it, unless the
// same state was mailed last, and for each check that changes while its real
// server stays down; see the package mail.
//
// # What programs are told
//
// The state is MASTER, BACKUP, FAULT, STOP (an orderly stop) or DELETED (a
// reload removed the instance, and Target.TellDeleted is set; otherwise that
// is told as FAULT, as in keepalived, unless the instance is in FAULT or waits
// still). A change to INIT that is neither is told to nobody.
//
// A virtual server is UP when it won its quorum and DOWN when it lost it, a real
// server when its checks say so; a virtual server also when it begins with its
// quorum, or with its sorry server, and both are DOWN when a reload removes
// them. Their programs (quorum_up, notify_up and so on) get the arguments that
// the configuration gives them, and of the environment below KIND (VS or RS),
// NAME, STATE, FROM, TO, WHY, SEQ and DROPPED, with MOONKEEP_SERVICE, the
// virtual server, and MOONKEEP_WEIGHT, the weight of a real server. At most 64
// of them run at a time. FIFOs are told of all servers, mail is sent for those
// that ask for it.
//
// The program of a state gets the arguments that the configuration gives it,
// and so does the one for masters of lower priority, which alone is run then:
// one more such master while a run waits is not told. The generic one gets four more:
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
