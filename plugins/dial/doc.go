// Package dial opens the TCP connections of moonkeep's own checks. Whose fault it
// is when one cannot be opened or used, checker.Failure says of its errors.
//
// A check's connection lives for a millisecond, ten thousand times a second,
// so that what it costs is system calls. Package net spends about twice as
// many as are needed, and a goroutine for a connection that may be cancelled;
// here they are opening, connecting, a place in one epoll for all, and closing;
// of a Task, the place only when the connection does not stand at once.
// What a target asks of the local side is applied by checker.Bind, as it is
// for third parties.
//
// It knows nothing of what is said on a connection.
package dial
