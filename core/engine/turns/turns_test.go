package turns

import (
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run makes n calls and returns what was told, message by message, when all that
// was begun has ended.
func run(n int, call func(i int, tell func(int))) (told [][]int) {
	var work sync.WaitGroup
	var mu sync.Mutex
	Run(n, func(f func()) { work.Go(f) }, call, func(list []int) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, slices.Clone(list))
	})
	work.Wait()
	mu.Lock()
	defer mu.Unlock()
	return told
}

// Calls are made in order, each once, and what they say is told in order; one that
// says nothing is none's business.
func TestInOrder(t *testing.T) {
	var called []int
	told := run(5, func(i int, tell func(int)) {
		called = append(called, i)
		if i != 3 {
			tell(10 * i)
		}
	})
	if !slices.Equal(called, []int{0, 1, 2, 3, 4}) {
		t.Errorf("called %v", called)
	}
	if got := slices.Concat(told...); !slices.Equal(got, []int{0, 10, 20, 40}) {
		t.Errorf("told %v", told)
	}
	if told := run(0, func(int, func(int)) { t.Error("a call of none") }); told != nil {
		t.Errorf("told %v of nothing", told)
	}
}

// While one takes its time the others are made and told, and what is told by
// another goroutine than the one that called arrives as well.
func TestOneTakesItsTime(t *testing.T) {
	const n = 50
	rest := make(chan struct{})
	var mu sync.Mutex
	made := 0
	told := run(n, func(i int, tell func(int)) {
		if i == 5 {
			<-rest // which the others close, so that they cannot wait for this one
			said := make(chan struct{})
			go func() { tell(i); close(said) }()
			<-said
		} else {
			tell(i)
		}
		mu.Lock()
		defer mu.Unlock()
		if made++; made == n-1 {
			close(rest)
		}
	})
	all := slices.Sorted(slices.Values(slices.Concat(told...)))
	if len(all) != n || slices.Compact(all)[n-1] != n-1 {
		t.Errorf("told %v", all)
	}
	if len(told) < 2 {
		t.Errorf("all was told together: %v", told)
	}
}
