//go:build linux

package link

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// errAttribute is that of an attribute which is longer than what it is in.
var errAttribute = errors.New("an attribute does not end where its message does")

// attrs goes through the attributes of what follows the head of a message, or of
// the value of a nested one. It needs no memory of its own:
//
//	for a := (attrs{rest: b}); a.next(); {
//		... a.kind, a.value
//	}
//
// err says afterwards whether that were all.
type attrs struct {
	rest  []byte
	kind  uint16 // with the kernel's flags
	value []byte
	short bool
}

func (a *attrs) next() bool {
	if len(a.rest) < unix.SizeofRtAttr {
		return false
	}
	length := int(binary.NativeEndian.Uint16(a.rest))
	if length < unix.SizeofRtAttr || length > len(a.rest) {
		a.short = true
		return false
	}
	a.kind, a.value = binary.NativeEndian.Uint16(a.rest[2:]), a.rest[unix.SizeofRtAttr:length]
	a.rest = a.rest[min(aligned(length), len(a.rest)):] // the last one may not be padded
	return true
}

func (a *attrs) err() error {
	if a.short {
		return errAttribute
	}
	return nil
}
