package vrrp

// Role is the state of a virtual router, in keepalived's words: RFC 9568 says
// Initialize, Backup and Active. Fault is Initialize with a cause: something
// that the router needs is missing.
//
//	         start                 down timer
//	INIT ------------> BACKUP -----------------> MASTER
//	 ^                 |   ^ <------------------    |
//	 | stop            |   |     higher advert      |
//	 +-----------------+   | cleared                |
//	                   |   |                        |
//	                   +-> FAULT <------------------+
type Role uint8

// The roles.
const (
	Init Role = iota
	Backup
	Master
	Fault
)

// String returns keepalived's word.
func (r Role) String() string {
	switch r {
	case Init:
		return "INIT"
	case Backup:
		return "BACKUP"
	case Master:
		return "MASTER"
	case Fault:
		return "FAULT"
	}
	return "?"
}
