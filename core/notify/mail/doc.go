// Package mail sends alerts by SMTP (RFC 5321) to a relay. It knows nothing of
// roles: what is said, and when, is core/notify's, which drives it.
//
// Send never waits. The alerts are in one queue with one goroutine, which is
// there while something waits, so that they leave in the order in which things
// happened; one that is tried again comes after those that were taken meanwhile.
// Each recipient gets a mail of its own: one that the relay refuses does not keep
// the others from theirs.
//
// What fails for a while (no connection, a reply of 4xx) is tried again, after
// 5 s and then twice as long each time up to 5 minutes, for an hour. An alert that
// the relay does not take now for one recipient keeps no other waiting; when the
// relay is out of reach all do. A refusal
// for good (5xx) ends it at once. Both are logged and counted; keepalived
// tries once.
//
// When the relay offers STARTTLS (RFC 3207) it is used, and the certificate is
// not verified: without TLS, which keepalived does not have, the same would be
// sent in the clear (RFC 7435).
package mail
