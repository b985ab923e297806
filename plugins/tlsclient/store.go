package tlsclient

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"sync"
	"weak"
)

// Store keeps what was read of certificates and keys for as long as a check needs
// it: thousands of checks most often name the same ones. The zero value is ready for
// use, by any number of goroutines.
type Store struct {
	mu    sync.Mutex // guards what follows
	pools shelf[x509.CertPool]
	pairs shelf[tls.Certificate]
}

// shelf are things by the sum of their texts. It is swept when it has doubled, so
// that it holds twice as many entries as there are things in use at most.
type shelf[T any] struct {
	by    map[[sha256.Size]byte]weak.Pointer[T]
	sweep int // how many entries sweep it
}

const sweepLeast = 64

// get returns the thing of some texts, and makes it when nobody has it.
func (s *shelf[T]) get(read func() (*T, error), texts ...[]byte) (*T, error) {
	h := sha256.New()
	for _, text := range texts {
		sum := sha256.Sum256(text)
		_, _ = h.Write(sum[:]) // a hash takes everything
	}
	key := [sha256.Size]byte(h.Sum(nil))
	if x := s.by[key].Value(); x != nil {
		return x, nil
	}
	x, err := read()
	if err != nil {
		return nil, err
	}
	if s.by == nil {
		s.by, s.sweep = make(map[[sha256.Size]byte]weak.Pointer[T]), sweepLeast
	}
	if len(s.by) >= s.sweep {
		for k, p := range s.by {
			if p.Value() == nil {
				delete(s.by, k)
			}
		}
		s.sweep = max(sweepLeast, 2*len(s.by))
	}
	s.by[key] = weak.Make(x)
	return x, nil
}
