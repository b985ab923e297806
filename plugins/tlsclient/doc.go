// Package tlsclient is what moonkeep's own checks do by TLS: the options that
// they have in common, and the configuration of crypto/tls that follows from
// them.
//
// keepalived verifies no certificate, so that neither is verified here unless
// verify says so; then old versions and ciphers are spoken too, because a check
// asks whether a server works, not whether it is up to date. With verify they
// are those that crypto/tls holds to be safe.
package tlsclient
