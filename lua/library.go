package lua

import (
	"maps"
	"sync"
)

// Library compiles each file once for all who name it, so that a configuration
// in which a thousand checks name one script compiles it once, and all of them
// run the same text. Its methods may be called by any goroutine; the zero value is
// ready, and a nil one keeps nothing.
type Library struct {
	mu      sync.Mutex
	scripts map[string]*Script
}

// Compile is Compile, for the first who asks for the path since Forget. What does
// not compile is tried again for each.
func (l *Library) Compile(path string) (*Script, error) {
	if l == nil {
		return Compile(path)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.scripts[path]; s != nil {
		return s, nil
	}
	s, err := Compile(path)
	if err != nil {
		return nil, err
	}
	if l.scripts == nil {
		l.scripts = map[string]*Script{}
	}
	l.scripts[path] = s
	return s, nil
}

// Sums are sums of what is in the files of the scripts that were compiled since Forget,
// by their paths, without the clients, which are part of moonkeep.
func (l *Library) Sums() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]uint64{}
	for _, s := range l.scripts {
		maps.Copy(all, s.sums)
	}
	return all
}

// Forget has the files read again when somebody asks for them: another
// configuration is read. Scripts that were handed out stay what they are.
func (l *Library) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scripts = nil
}
