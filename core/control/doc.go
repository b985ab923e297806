// Package control is how people and programs ask a running daemon: an HTTP
// API on a unix socket, and its client.
//
// It shows what the engine published and the kernel confirms; it decides
// nothing and holds no state. The shapes in status.go are the contract with
// programs: fields are added, never renamed or removed.
package control
