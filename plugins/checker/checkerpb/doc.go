// Package checkerpb is the protocol between moonkeep and a checker:
// checker.proto, and what `make proto` generates from it. It holds messages and
// no behaviour: plugins/checker and plugins/host send and receive them. The author
// of a checker in Go imports plugins/checker and never this.
package checkerpb
