package agent

import (
	"bufio"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server says the next of its texts to each connection. hear makes it read a
// line first.
func server(t *testing.T, hear bool, texts ...string) (checker.Target, chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, text := range texts {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if hear {
				line, _ := bufio.NewReader(c).ReadString('\n')
				heard <- line
			}
			if text == "silence" {
				c.Read(make([]byte, 1))
			} else {
				c.Write([]byte(text))
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return checker.Target{Address: l.Addr().(*net.TCPAddr).AddrPort(), Timeout: 300 * time.Millisecond}, heard
}

func prepare(t *testing.T, target checker.Target, options string) checker.Probe {
	t.Helper()
	o, err := checker.NewOptions([]byte(options))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New().Prepare(target, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestVerdicts is the table of what AGENT_CHECK makes of lines, of a server
// with the weight 10.
func TestVerdicts(t *testing.T) {
	const none = -1
	type answer struct {
		says    string
		want    checker.Verdict
		weight  int
		message string
	}
	for _, answers := range [][]answer{
		{{"up\n", checker.OK, none, "up"}},
		{{"75%\n", checker.OK, 7, "up, 75%"}},
		{{"up 50%", checker.OK, 5, "up, 50%"}},
		{{"UP,READY,100%\r\n", checker.OK, 10, "up, 100%"}},
		{{"0%\n", checker.OK, 0, "up, 0%"}},
		{{"1%\n", checker.OK, 1, "up, 1%"}},
		{{"250%\n", checker.OK, 25, "250%"}},
		{{"down\n", checker.Failed, none, "down"}},
		{{"down#disk is full\n", checker.Failed, none, `down: "disk is full"`}},
		{{"failed # 50% of it\n", checker.Failed, none, `failed: "50% of it"`}},
		{{"stopped 20%\n", checker.Failed, 2, "stopped, 20%"}},
		{{"fail\n", checker.Failed, none, "fail"}},
		{{"maint\n", checker.Failed, none, "up, maint"}},
		{{"drain\n", checker.OK, 0, "up, drain"}},
		{{"up maxconn:30\n", checker.OK, none, "up"}},
		{{"maxconn:30\n", checker.OK, none, "up"}},
		// What a line does not say stays.
		{{"down\n", checker.Failed, none, "down"}, {"75%\n", checker.Failed, 7, "down, 75%"}, {"up\n", checker.OK, 7, "up, 75%"}},
		{{"drain 50%\n", checker.OK, 0, "drain, 50%"}, {"up\n", checker.OK, 0, "drain"}, {"ready\n", checker.OK, 5, "up, 50%"}},
		{{"drain\n", checker.OK, 0, "drain"}, {"ready\n", checker.OK, 10, "up, 100%"}},
		{{"maint\n", checker.Failed, none, "maint"}, {"up\n", checker.Failed, none, "maint"}, {"ready\n", checker.OK, none, "up"}},
		// What is no line of an agent's changes nothing.
		{{"", checker.Unknown, none, "the agent says nothing"}},
		{{"\n", checker.Unknown, none, `the agent says ""`}},
		{{"hello\n", checker.Unknown, none, `the agent says "hello"`}},
		{{"maxconn:x\n", checker.Unknown, none, "none of the words"}},
		{{"x%\n", checker.Unknown, none, `"x%" is no part of a weight`}},
		{{"-5%\n", checker.Unknown, none, "is no part"}},
		{{"99999999999%\n", checker.Unknown, none, "is no part"}},
		{{"down x%\n", checker.Unknown, none, "is no part"}, {"50%\n", checker.OK, 5, "up"}},
		{{strings.Repeat("x", 3000), checker.Unknown, none, "longer than 1024 bytes"}},
		{{"silence", checker.Unknown, none, "hear the agent: timed out"}},
		{{"down\n", checker.Failed, none, "down"}, {"", checker.Unknown, none, "nothing"}, {"50%\n", checker.Failed, 5, "down"}},
	} {
		var texts []string
		for _, a := range answers {
			texts = append(texts, a.says)
		}
		t.Run(strings.Join(texts, "|"), func(t *testing.T) {
			t.Parallel()
			target, _ := server(t, false, texts...)
			p := prepare(t, target, `{"weight":10}`)
			for i, a := range answers {
				r := p.Probe(t.Context())
				weight := none
				if r.Weight != nil {
					weight = *r.Weight
				}
				if r.Verdict != a.want || weight != a.weight || !strings.Contains(r.Message, a.message) || r.Latency <= 0 {
					t.Errorf("line %d: %v (weight %d); want %v (%d), %q", i+1, r, weight, a.want, a.weight, a.message)
				}
			}
		})
	}
	closed, _ := server(t, false)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Address = l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	if r := prepare(t, closed, "").Probe(t.Context()); r.Verdict != checker.Unknown || r.Message != "connect to "+closed.Address.String()+": connection refused" {
		t.Errorf("no agent: %v", r)
	}
}

func TestSend(t *testing.T) {
	target, heard := server(t, true, "up maxconn:5\n")
	r := prepare(t, target, `{"send":"web"}`).Probe(checker.WithLog(t.Context(), nil, true))
	if line := <-heard; line != "web\n" || r.Verdict != checker.OK {
		t.Errorf("%v; heard %q", r, line)
	}
	if len(r.Details) != 3 || r.Details[2].Text != "maxconn:5" {
		t.Errorf("details %q", r.Details)
	}
}

func TestFaults(t *testing.T) {
	for options, want := range map[string]string{
		`{"send":"a\nb"}`:   "one line",
		`{"weight":-1}`:     "from 0 to 2147483647",
		`{"agent-send":""}`: "no option",
	} {
		o, err := checker.NewOptions([]byte(options))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New().Prepare(checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:1")}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", options, err, want)
		}
	}
}

// FuzzLine holds that a line is understood as a whole or changes nothing.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"up 75%", "down#x", "drain,0%", "maxconn:3", "99%%", "#", "up\tready"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s := state{percent: 100, admin: "ready"}
		before := s
		if _, err := s.hear(line); err != nil && s != before {
			t.Errorf("%q: %v, and it is %+v", line, err, s)
		}
		var again state
		if again.restore(s.save()); utf8.ValidString(s.why) && len(s.why) <= maxWhy && again != s {
			t.Errorf("%q: saved %q, restored %+v", line, s.save(), again)
		}
		if w := s.weight(1<<31 - 1); w != nil && (*w < 0 || *w > 1<<31-1) {
			t.Errorf("%q: weight %d", line, *w)
		}
		if _, err := firstLine(strings.NewReader(line)); err != nil && len(line) > 0 && len(line) < maxLine {
			t.Errorf("%q: %v", line, err)
		}
	})
}

// TestPast: what an agent said last holds in the next process too, and for another
// weight.
func TestPast(t *testing.T) {
	first, next := 10, 40
	for _, test := range []struct {
		said, now string
		want      checker.Verdict
		weight    int
		message   string
	}{
		{"maint\n", "75%\n", checker.Failed, 30, "up, maint, 75%"},
		{"drain\n", "up\n", checker.OK, 0, "up, drain, 100%"},
		{"25%\n", "up\n", checker.OK, 10, "up, 25%"},
		{"down#no disk\n", "50%\n", checker.Failed, 20, `down, 50%: "no disk"`},
		{"up\n", "up\n", checker.OK, -1, "up"},
	} {
		t.Run(test.message, func(t *testing.T) {
			t.Parallel()
			target, _ := server(t, false, test.said, test.now)
			target.Timeout = 5 * time.Second
			target.Weight = &first
			c, err := checkertest.Start(t, New()).Prepare(target, nil)
			if err != nil {
				t.Fatal(err)
			}
			before := c.Probe(10 * time.Second)
			target.Weight = &next
			again, err := checkertest.Start(t, New()).Again(target, map[string]string{"send": "web"}, before.State)
			if err != nil {
				t.Fatal(err)
			}
			r := again.Probe(10 * time.Second)
			weight := -1
			if r.Weight != nil {
				weight = *r.Weight
			}
			if r.Verdict != test.want || weight != test.weight || r.Message != test.message {
				t.Errorf("%v (weight %d); want %v (%d), %q", r, weight, test.want, test.weight, test.message)
			}
		})
	}
	for _, text := range []string{"", "x", `{"percent":-1,"admin":"ready"}`, `{"percent":5,"admin":"off"}`, `{"percent":5,"admin":"ready","down":"gone"}`} {
		s := state{percent: 100, admin: "ready"}
		if s.restore(text); s != (state{percent: 100, admin: "ready"}) {
			t.Errorf("%q: %+v", text, s)
		}
	}
}
