// Package checkerpb is the protocol between moonkeep and a checker:
// checker.proto, and what `make proto` generates from it. plugins/checker and
// plugins/host use it; an author of a checker need not.
package checkerpb
