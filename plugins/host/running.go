//go:build linux

package host

import "sync"

// owned are the goroutines of a Host, which waits for them when it closes. A
// sync.WaitGroup would not do: one may begin while others are waited for.
type owned struct {
	mu    sync.Mutex // guards what follows
	n     int
	none  chan struct{} // closed when n becomes 0; nil when nobody waits
	ended bool
}

// run runs f in a goroutine, and reports false when the Host has ended: then it
// does not.
func (o *owned) run(f func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return false
	}
	o.n++
	go func() {
		defer o.leave()
		f()
	}()
	return true
}

func (o *owned) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n--; o.n == 0 && o.none != nil {
		close(o.none)
		o.none, o.ended = nil, true
	}
}

// wait waits until there are none, after which there will be none.
func (o *owned) wait() {
	o.mu.Lock()
	if o.n == 0 {
		o.ended = true
	}
	if o.ended {
		o.mu.Unlock()
		return
	}
	if o.none == nil {
		o.none = make(chan struct{})
	}
	none := o.none
	o.mu.Unlock()
	<-none
}
