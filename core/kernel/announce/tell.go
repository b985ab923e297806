//go:build linux

package announce

import (
	"errors"
	"fmt"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// target is an address that an instance has announced.
type target struct {
	instance string
	address  netspec.Address // its identity
}

// tell counts what could not be announced, and returns what people are to be told of
// it: nothing when it fails as it did before. A nil error is a success.
func (a *Announcer) tell(instance string, address netspec.Address, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tellLocked(instance, address, err)
}

func (a *Announcer) tellLocked(instance string, address netspec.Address, err error) error {
	t := target{instance, identity(address)}
	if err == nil {
		delete(a.failing, t)
		return nil
	}
	a.failures.Add(1)
	text := err.Error()
	if g := (*givenUp)(nil); errors.As(err, &g) {
		a.failures.Add(uint64(g.others))
		text = g.why.Error() // the number alone is no news
	}
	if a.failing[t] != text {
		a.failing[t] = text
		return announceError(address, err)
	}
	return nil
}

func announceError(address netspec.Address, err error) error {
	return fmt.Errorf("announce %s: %w", address, err)
}
