//go:build linux

package link

import (
	"sync"
	"time"
)

// recentFor is how long what was read of an interface is good for Recent. It is
// what a Monitor may take to say that something changed.
const recentFor = minGap

// recent are the interfaces that were read a moment ago.
type recent struct {
	mu    sync.Mutex
	begun time.Time // when the first of them was read
	all   map[string]Interface
}

// Recent is Interface, except that the state may be of up to 5 ms ago: a thousand
// virtual routers that change together ask for the same few interfaces, and the
// kernel takes as long to describe one as to add an address to it. Who acts on it
// hears of a change from a Monitor later than that.
func (c *Conn) Recent(name string) (Interface, error) {
	r := &c.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.begun) >= recentFor {
		r.begun, r.all = now, nil
	}
	if i, known := r.all[name]; known {
		return i, nil
	}
	i, err := c.Interface(name)
	if err != nil {
		return i, err
	}
	if r.all == nil {
		r.all = make(map[string]Interface)
	}
	r.all[name] = i
	return i, nil
}

// forget has an interface read anew, and reports whether there was anything to
// forget.
func (r *recent) forget(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.all[name]
	delete(r.all, name)
	return known
}
