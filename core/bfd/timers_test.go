package bfd

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// beat keeps the session up and returns when it sent what.
func (d *driver) beat(until mono.Instant, mend ...func(*Control)) (at []mono.Instant, sent []Control) {
	for d.now < until {
		t, c := d.run(min(d.now+20*ms, until))
		at, sent = append(at, t...), append(sent, c...)
		d.hear(reply(Up, mend...))
		for _, c := range d.sent {
			at, sent = append(at, d.now), append(sent, c)
		}
	}
	return at, sent
}

var timerRules = []rule{
	{"5880 6.8.3", "while not Up the interval is at least a second", func(t *testing.T) {
		for _, tt := range []struct{ idle, tx, want time.Duration }{
			{time.Second, time.Millisecond, time.Second}, {10 * time.Millisecond, time.Millisecond, time.Second},
			{3 * time.Second, time.Millisecond, 3 * time.Second}, {time.Second, 4 * time.Second, 4 * time.Second},
		} {
			cfg := config()
			cfg.IdleTx, cfg.MinTx = tt.idle, tt.tx
			at, sent := drive(t, cfg).run(100 * second)
			least, most := gaps(at)
			if least < tt.want*3/4 || most > tt.want || sent[0].MinTx != tt.want {
				t.Errorf("idle_tx %v: every %v to %v, says %v", tt.idle, least, most, sent[0].MinTx)
			}
		}
	}},
	{"5880 6.8.7", "packets leave at the greater of both sides' wishes", func(t *testing.T) {
		for _, tt := range []struct{ ours, theirs, want time.Duration }{
			{10 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond},
			{40 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond},
		} {
			cfg := config()
			cfg.MinTx = tt.ours
			d := drive(t, cfg).up()
			at, _ := d.beat(d.now+5*second, minRx(tt.theirs))
			least, most := gaps(at)
			if least < tt.want*3/4 || most > tt.want {
				t.Errorf("ours %v, theirs %v: every %v to %v", tt.ours, tt.theirs, least, most)
			}
		}
	}},
	{"5880 6.8.7", "jitter takes up to 25 % and reaches both ends", func(t *testing.T) {
		d := drive(t, config()).up()
		at, _ := d.beat(d.now + 20*second)
		least, most := gaps(at)
		if least < 15*time.Millisecond || least > 15200*time.Microsecond || most > 20*time.Millisecond || most < 19800*time.Microsecond {
			t.Errorf("every %v to %v, want 15 to 20 ms", least, most)
		}
	}},
	{"5880 6.8.7", "with a multiplier of 1 jitter takes at least 10 %", func(t *testing.T) {
		cfg := config()
		cfg.Mult = 1
		d := drive(t, cfg).up()
		at, sent := d.beat(d.now + 20*second)
		least, most := gaps(at)
		if least < 15*time.Millisecond || most > 18*time.Millisecond || most < 17800*time.Microsecond || sent[0].Mult != 1 {
			t.Errorf("every %v to %v, want 15 to 18 ms", least, most)
		}
	}},
	{"5880 6.8.7", "a peer that receives nothing gets no periodic packets, but answers", func(t *testing.T) {
		d := drive(t, config()).up().hear(reply(Up, minRx(0)))
		if _, sent := d.run(d.now + 80*ms); len(sent) != 0 {
			t.Errorf("sent %d packets", len(sent))
		}
		if c := d.hear(reply(Up, minRx(0), poll)).only(); !c.Final {
			t.Errorf("answers %s", text(&c))
		}
		d.hear(reply(Up, minRx(50*time.Millisecond)))
		if _, sent := d.run(d.now + 60*ms); len(sent) != 1 {
			t.Errorf("sent %d packets in 60 ms after it can receive again, want 1", len(sent))
		}
	}},
	{"5880 6.8.1", "a peer that is forgotten is not held to have wanted nothing", func(t *testing.T) {
		d := drive(t, config()).up().hear(reply(Up, minRx(0)))
		if _, sent := d.run(d.now + 10*second); len(sent) < 9 {
			t.Errorf("sent %d packets in 10 s, want at least 9", len(sent))
		}
	}},
	{"5880 6.8.4", "the detection time is the peer's multiplier times the slower interval", func(t *testing.T) {
		for _, tt := range []struct {
			mult       uint8
			tx, minRx  time.Duration
			wantExpiry time.Duration
		}{
			{3, 30 * time.Millisecond, 10 * time.Millisecond, 90 * time.Millisecond},
			{3, 5 * time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond},
			{7, 30 * time.Millisecond, 100 * time.Millisecond, 700 * time.Millisecond},
			{1, 0, 10 * time.Millisecond, 10 * time.Millisecond},
			{255, 4294967295 * time.Microsecond, 10 * time.Millisecond, 255 * 4294967295 * time.Microsecond},
		} {
			cfg := config()
			cfg.MinRx = tt.minRx
			d := drive(t, cfg).up().hear(reply(Up, minTx(tt.tx), func(c *Control) { c.Mult = tt.mult }))
			if got := d.s.View().Detection; got != tt.wantExpiry {
				t.Errorf("mult %d, tx %v, our min rx %v: detection %v, want %v", tt.mult, tt.tx, tt.minRx, got, tt.wantExpiry)
			}
			if got := d.s.detect.Sub(d.now); got != tt.wantExpiry {
				t.Errorf("mult %d: armed for %v, want %v", tt.mult, got, tt.wantExpiry)
			}
		}
	}},
	{"5880 6.8.2", "a shorter interval of the peer's counts at once", func(t *testing.T) {
		d := drive(t, config()).up()
		at, _ := d.beat(d.now+100*ms, minRx(time.Second))
		if len(at) > 1 {
			t.Errorf("sent %d packets in 100 ms at 1 s", len(at))
		}
		d.hear(reply(Up, minRx(10*time.Millisecond)))
		if at, _ = d.run(d.now + 12*ms); len(at) == 0 {
			t.Error("waits out the longer interval")
		}
	}},
	{"own", "a detection timer that is seen late waits for what was not read yet", func(t *testing.T) {
		d := drive(t, config()).up()
		end := d.now + 90*ms
		late := end + 2*ms // the process slept
		d.take(d.s.Tick(late, nil))
		d.want(Up)
		d.now = late + ms
		d.hear(reply(Up)).want(Up)
		d.run(d.now + 90*ms - 1)
		d.want(Up)
		d.run(d.now + 1)
		d.want(Down)

		late = end + 50*ms
		d = drive(t, config()).up()
		d.take(d.s.Tick(late, nil))
		d.run(late + 5*ms - 1)
		d.want(Up)
		d.run(late + 5*ms)
		d.want(Down)

		// After that was made up for, another time.
		d = drive(t, config()).up()
		for range 2 {
			d.now = d.s.detect + 50*ms
			d.take(d.s.Tick(d.now, nil))
			d.want(Up)
			d.hear(reply(Up)).want(Up)
		}

		d = drive(t, config()).up() // as late as an alarm may be
		d.take(d.s.Tick(end+ms, nil))
		d.want(Down)

		d = drive(t, config()).up() // late again: once is enough
		d.take(d.s.Tick(late, nil))
		d.take(d.s.Tick(late+50*ms, nil))
		d.want(Down)
	}},
}

// TestWhole: intervals are rounded up to what a packet can say, never down to
// what the other end would not expect.
func TestWhole(t *testing.T) {
	cfg := config()
	cfg.MinRx = 10*time.Millisecond + time.Nanosecond
	d := drive(t, cfg).up()
	if c := d.hear(reply(Up, poll)).only(); c.MinRx != 10001*time.Microsecond {
		t.Errorf("sent %s", text(&c))
	}
	if got := d.s.View().Detection; got != 90*time.Millisecond {
		t.Errorf("detection %v", got)
	}
}

var pollRules = []rule{
	{"5880 6.8.3", "becoming Up changes the interval, so it polls until answered", func(t *testing.T) {
		d := drive(t, config()).hear(reply(Down))
		if c := d.hear(reply(Init)).only(); !c.Poll || c.MinTx != 10*time.Millisecond {
			t.Errorf("sent %s", text(&c))
		}
		if _, sent := d.beat(d.now + 100*ms); len(sent) == 0 || polls(sent) != len(sent) {
			t.Errorf("%d of %d packets poll", polls(sent), len(sent))
		}
		d.hear(reply(Up, final))
		if _, sent := d.beat(d.now + 100*ms); len(sent) == 0 || polls(sent) != 0 {
			t.Errorf("%d of %d packets poll after the answer", polls(sent), len(sent))
		}
	}},
	{"5880 6.5", "a Poll is answered at once, in any state, with F and without P", func(t *testing.T) {
		for _, state := range []State{Down, Init, Up} {
			d := drive(t, config())
			switch state {
			case Init:
				d.hear(reply(Down))
			case Up:
				d.hear(reply(Down)).hear(reply(Up)) // it polls itself
				if !d.s.polling {
					t.Fatal("does not poll")
				}
			}
			d.now += ms
			c := d.hear(reply(State(max(int(state), int(Down))), poll)).only()
			if !c.Final || c.Poll || c.State != d.s.State() {
				t.Errorf("%v answers %s", state, text(&c))
			}
		}
	}},
	{"5880 6.5", "F without a Poll of ours means nothing", func(t *testing.T) {
		d := drive(t, config()).up()
		before := d.s.View()
		d.hear(reply(Up, final)).quiet()
		if after := d.s.View(); after.Polling || after.Interval != before.Interval {
			t.Errorf("%+v", after)
		}
		cfg := config()
		cfg.MinTx = 200 * time.Millisecond
		d.take(d.s.Reconfigure(d.now, cfg, nil))
		if c := d.only(); !c.Poll {
			t.Errorf("a next Poll Sequence waits for it: sent %s", text(&c))
		}
	}},
	{"5880 6.8.3", "a longer interval of ours takes effect only after the Poll Sequence", func(t *testing.T) {
		d := drive(t, config()).up()
		cfg := config()
		cfg.MinTx = 200 * time.Millisecond
		d.take(d.s.Reconfigure(d.now, cfg, nil))
		if c := d.only(); !c.Poll || c.MinTx != 200*time.Millisecond {
			t.Errorf("sent %s", text(&c))
		}
		at, sent := d.beat(d.now + 400*ms)
		if _, most := gaps(at); most > 20*time.Millisecond || polls(sent) != len(sent) {
			t.Errorf("waits up to %v before the answer; %d of %d packets poll", most, polls(sent), len(sent))
		}
		d.hear(reply(Up, final))
		at, _ = d.beat(d.now + 2*second)
		if least, _ := gaps(at); least < 150*time.Millisecond {
			t.Errorf("waits only %v after the answer", least)
		}
	}},
	{"5880 6.8.3", "a shorter interval of ours takes effect at once", func(t *testing.T) {
		cfg := config()
		cfg.MinTx = 200 * time.Millisecond
		d := drive(t, cfg).up()
		d.take(d.s.Reconfigure(d.now, config(), nil))
		if at, _ := d.beat(d.now + 100*ms); len(at) < 4 {
			t.Errorf("sent %d packets in 100 ms at 20 ms", len(at))
		}
	}},
	{"5880 6.8.3", "a smaller MinRx shortens detection only after the Poll Sequence", func(t *testing.T) {
		cfg := config()
		cfg.MinRx = 100 * time.Millisecond
		d := drive(t, cfg).up()
		d.take(d.s.Reconfigure(d.now, config(), nil))
		if c := d.only(); !c.Poll || c.MinRx != 10*time.Millisecond {
			t.Errorf("sent %s", text(&c))
		}
		if d.hear(reply(Up)); d.s.View().Detection != 300*time.Millisecond {
			t.Errorf("detection %v before the answer", d.s.View().Detection)
		}
		if d.hear(reply(Up, final)); d.s.View().Detection != 90*time.Millisecond {
			t.Errorf("detection %v after the answer", d.s.View().Detection)
		}
	}},
	{"5880 6.8.3", "a greater MinRx counts at once", func(t *testing.T) {
		d := drive(t, config()).up()
		cfg := config()
		cfg.MinRx = 100 * time.Millisecond
		d.take(d.s.Reconfigure(d.now, cfg, nil))
		if got := d.s.detect.Sub(d.now); got != 300*time.Millisecond {
			t.Errorf("detection %v", got)
		}
	}},
	{"5880 6.5", "a change right after a Poll Sequence is told at once, and polled when no old answer can come", func(t *testing.T) {
		d := drive(t, config()).hear(reply(Down)).hear(reply(Up)).hear(reply(Up, final))
		cfg := config()
		cfg.MinTx = 200 * time.Millisecond
		d.now += 10 * ms
		d.take(d.s.Reconfigure(d.now, cfg, nil))
		if c := d.only(); c.Poll || c.MinTx != 200*time.Millisecond {
			t.Errorf("sent %s", text(&c))
		}
		d.hear(reply(Up, final)) // an old answer
		if got := d.s.View(); !got.Polling || got.Interval != 20*time.Millisecond {
			t.Errorf("an old answer counts: %+v", got)
		}
		if _, sent := d.beat(d.now + 79*ms); polls(sent) > 0 {
			t.Error("polls too early")
		}
		if _, sent := d.beat(d.now + 20*ms); polls(sent) == 0 {
			t.Error("does not poll")
		}
	}},
	{"5880 6.5", "a change during a Poll Sequence is told in another one", func(t *testing.T) {
		d := drive(t, config()).up()
		cfg := config()
		for _, tx := range []time.Duration{200 * time.Millisecond, 300 * time.Millisecond} {
			cfg.MinTx = tx
			d.take(d.s.Reconfigure(d.now, cfg, nil))
		}
		d.hear(reply(Up, final)) // it may answer the first Poll
		_, sent := d.beat(d.now + 89*ms)
		if polls(sent) > 0 {
			t.Errorf("polls again at once: an answer under way would be taken for its own")
		}
		if _, sent = d.beat(d.now + 20*ms); polls(sent) == 0 {
			t.Error("does not poll again")
		}
		if got := d.s.View(); !got.Polling || got.Interval != 20*time.Millisecond {
			t.Errorf("after the first answer: %+v", got)
		}
		d.hear(reply(Up, final))
		if got := d.s.View(); got.Polling || got.Interval != 300*time.Millisecond {
			t.Errorf("after the second answer: %+v", got)
		}
	}},
	{"5880 6.8.7", "another multiplier is told at once, without Poll", func(t *testing.T) {
		d := drive(t, config()).up()
		cfg := config()
		cfg.Mult = 9
		d.take(d.s.Reconfigure(d.now, cfg, nil))
		if c := d.only(); c.Mult != 9 || c.Poll {
			t.Errorf("sent %s", text(&c))
		}
		d.take(d.s.Reconfigure(d.now, cfg, nil))
		d.quiet()
	}},
	{"5880 6.8.3", "a change while not Up needs no Poll", func(t *testing.T) {
		d := drive(t, config())
		cfg := config()
		cfg.IdleTx, cfg.MinRx = 2*time.Second, 100*time.Millisecond
		d.take(d.s.Reconfigure(d.now, cfg, nil))
		if c := d.only(); c.Poll || c.MinTx != 2*time.Second || c.MinRx != 100*time.Millisecond {
			t.Errorf("sent %s", text(&c))
		}
	}},
	{"5880 6.8.3", "a Poll Sequence ends with Up", func(t *testing.T) {
		d := drive(t, config()).hear(reply(Down)).hear(reply(Init)).want(Up)
		if c := d.hear(reply(Down)).only(); c.Poll || d.s.View().Polling {
			t.Errorf("sent %s", text(&c))
		}
	}},
}
