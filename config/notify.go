package config

// Notify is what is told to whom about the changes of an instance or group.
type Notify struct {
	// Master is run at each change to MASTER.
	Master *Program `key:"master" form:"command" tier:"1"`
	// Backup is run at each change to BACKUP.
	Backup *Program `key:"backup" form:"command" tier:"1"`
	// Fault is run at each change to FAULT.
	Fault *Program `key:"fault" form:"command" tier:"1"`
	// Stop is run when the daemon stops.
	Stop *Program `key:"stop" form:"command" tier:"2"`
	// Any is run at each change, with four arguments appended: INSTANCE or
	// GROUP, the name, the state and the priority, which is 0 for a group.
	Any *Program `key:"any" word:"=notify" form:"command" tier:"1"`
	// Lua is a file with on_master, on_backup, on_fault, on_stop, on_change.
	Lua *Lua `key:"lua" word:"-"`
}

// FIFO is a named pipe to which changes are written.
type FIFO struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Path is the pipe's path; it is made when it is not there.
	Path string `key:"path" required:"true" tier:"2"`
	// User owns the pipe when it is made.
	User string `key:"user" tier:"2"`
	// Group owns the pipe when it is made.
	Group string `key:"group" tier:"2"`
}
