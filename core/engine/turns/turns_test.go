package turns

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run makes n calls and returns what was told, message by message, when all that
// was begun has ended.
func run(n int, call func(i int, tell func(int))) (told [][]int) {
	var work sync.WaitGroup
	var mu sync.Mutex
	// What is told may be on its way yet when the last call has returned.
	counted := func(i int, tell func(int)) { call(i, func(result int) { work.Add(1); tell(result) }) }
	Run(n, func(f func()) { work.Go(f) }, counted, func(list []int) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, slices.Clone(list))
		work.Add(-len(list))
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

// A call that is stuck is found at the first look when it was the first, and within
// two otherwise.
func TestOthersWaitForAMoment(t *testing.T) {
	for stuck, most := range []time.Duration{spareAfter, 2 * spareAfter} {
		synctest.Test(t, func(t *testing.T) {
			const n = 5
			begin := time.Now()
			var last time.Duration
			run(n, func(i int, tell func(int)) {
				switch {
				case i == stuck:
					time.Sleep(time.Minute)
				case i == n-1:
					last = time.Since(begin)
				case stuck == 1 && i == 0:
					time.Sleep(time.Nanosecond) // so that the first look finds that one has begun
				}
				tell(i)
			})
			if last > most {
				t.Errorf("call %d is stuck: the last one was made after %v", stuck, last)
			}
		})
	}
}

// A helper for which there is no room is asked for once.
func TestOneHelperIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var work sync.WaitGroup
		var asked []func()
		var mu sync.Mutex
		var told []int
		spawn := func(f func()) {
			asked = append(asked, f)
			if len(asked) == 1 || len(asked) == 3 {
				work.Go(f)
			}
		}
		Run(10, spawn, func(i int, tell func(int)) {
			if i < 2 {
				time.Sleep(time.Minute)
			}
			tell(i)
		}, func(list []int) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, list...)
		})
		time.Sleep(time.Second)
		if synctest.Wait(); len(asked) != 2 {
			t.Errorf("%d goroutines were asked for while the second had not begun", len(asked))
		}
		work.Go(asked[1]) // it is stuck as well; the third makes what is left
		time.Sleep(time.Second)
		synctest.Wait()
		mu.Lock()
		if len(asked) != 3 || len(told) != 8 {
			t.Errorf("%d goroutines were asked for; told %v", len(asked), told)
		}
		mu.Unlock()
		work.Wait()
		if slices.Sort(told); len(told) != 10 || len(slices.Compact(told)) != 10 {
			t.Errorf("told %v", told)
		}
	})
}

// beside makes n calls that take their time, and returns how many were made beside
// each other at the most.
func beside(t *testing.T, n int, each time.Duration) (most int) {
	t.Helper()
	var mu sync.Mutex
	now := 0
	told := run(n, func(i int, tell func(int)) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(each)
		mu.Lock()
		now--
		mu.Unlock()
		tell(i)
	})
	if got := len(slices.Concat(told...)); got != n {
		t.Errorf("told %d results of %d: %v", got, n, told)
	}
	return most
}

// Calls that go on are made by one goroutine, also when all of them together take
// their time.
func TestSteadyCallsShareOne(t *testing.T) {
	// One that gets no processor for a moment looks like a call that takes its time.
	for range 20 {
		if beside(t, 6, spareAfter/2) == 1 {
			return
		}
	}
	t.Error("six calls that went on were made beside each other, twenty times")
}

// A great many are shared where there are processors to help.
func TestManyCallsAreShared(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	if beside(t, 400, spareAfter/20) < 2 {
		t.Error("four hundred calls were made by one goroutine")
	}
}

// The last call's result is told when it comes, also from elsewhere and long before
// the call returns.
func TestLastIsToldFromElsewhere(t *testing.T) {
	came := make(chan struct{})
	var work sync.WaitGroup
	Run(3, func(f func()) { work.Go(f) }, func(i int, tell func(int)) {
		if i < 2 {
			tell(i)
			return
		}
		time.Sleep(5 * spareAfter)
		go tell(i)
		<-came // told by then, or it hangs here
	}, func(list []int) {
		if slices.Contains(list, 2) {
			close(came)
		}
	})
	work.Wait()
}
