// Package archtest holds the tests that keep the module's architecture: which
// package may import which, that the deciding packages read no clock, where
// each dependency is used, how packages and files look, and that documents
// name what exists.
//
// It holds no code that a program runs, and it says nothing about behaviour.
// Each rule has a broken fixture in archtest_test.go, so that a rule which
// cannot fail is itself a failure. CONTRIBUTING.md draws the same picture for
// people; its table of dependencies is read here, so the two cannot differ.
package archtest
