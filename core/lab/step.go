package lab

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/moonkeep/moonkeep/config"
)

// Verb is what a Step does.
type Verb string

// The verbs. What each does to a real network is in steps.go.
const (
	Kill        Verb = "kill"
	Crash       Verb = "crash"
	Stop        Verb = "stop"
	Start       Verb = "start"
	Failover    Verb = "failover"
	Return      Verb = "return"
	KeepOut     Verb = "maintenance on"
	LetIn       Verb = "maintenance off"
	LinkDown    Verb = "link down"
	LinkUp      Verb = "link up"
	Fail        Verb = "fail"
	Pass        Verb = "pass"
	ServiceDown Verb = "service down"
	ServiceUp   Verb = "service up"
	Partition   Verb = "partition"
	Heal        Verb = "heal"
	Wait        Verb = "wait"
	Settle      Verb = "settle"
	Say         Verb = "say"
	Expect      Verb = "expect"
	Await       Verb = "await"
	Show        Verb = "show"
)

// Step is one line of a script. Fields that its verb does not use are zero.
type Step struct {
	At   config.Position
	Verb Verb
	// Node is the node's name as written; heal may go without.
	Node string
	// Link is an interface, Script the name of a vrrp_script.
	Link   string
	Script string
	// For is how long to wait; for settle and await the longest time that it
	// may take, where zero means as long as the configuration can need.
	For time.Duration
	// Text is what is said.
	Text string
	// Subjects are virtual addresses or names of instances, which stand for
	// all their addresses.
	Subjects []string
}

// String is the step as it would be written.
func (s Step) String() string {
	words := []string{string(s.Verb)}
	for _, w := range append([]string{s.Node, s.Link, s.Script, s.Text}, s.Subjects...) {
		if w != "" {
			words = append(words, w)
		}
	}
	if s.For != 0 {
		words = append(words, s.For.String())
	}
	return strings.Join(words, " ")
}

// form is the grammar of one verb.
type form struct {
	verb Verb
	// args are the placeholders that follow the verb. One in brackets may be
	// left out; one that ends in dots takes one word or more.
	args []string
	help string
}

// forms is the whole language, in the order of the help text.
func forms() []form {
	return []form{
		{Crash, []string{"NODE"}, "the machine loses power: silent at once, its daemon gone"},
		{Kill, []string{"NODE"}, "send SIGKILL to the daemon; the machine and its addresses stay"},
		{Stop, []string{"NODE"}, "send SIGTERM to the daemon, and wait until it has ended"},
		{Start, []string{"NODE"}, "start the daemon; after a crash the machine boots first"},
		{Failover, []string{"NODE"}, "ask the daemon to move its addresses to another node, and wait for the answer"},
		{Return, []string{"NODE"}, "end a failover: the daemon preempts again as its configuration says"},
		{KeepOut, []string{"NODE"}, "put the node into maintenance, and wait for the answer"},
		{LetIn, []string{"NODE"}, "end the maintenance of the node"},
		{LinkDown, []string{"NODE", "INTERFACE"}, "pull the cable: the interface loses its carrier"},
		{LinkUp, []string{"NODE", "INTERFACE"}, "plug the cable in"},
		{Partition, []string{"NODE"}, "cut the node off silently: its interfaces stay up, no packet passes"},
		{Heal, []string{"[NODE]"}, "end the partition of the node, or of all nodes"},
		{Fail, []string{"NODE", "SCRIPT"}, "make the check fail from now on, whatever it finds"},
		{Pass, []string{"NODE", "SCRIPT"}, "make the check succeed from now on, whatever it finds"},
		{ServiceDown, []string{"NODE"}, "stop the web server of the node (port 80): connections are refused"},
		{ServiceUp, []string{"NODE"}, "start the web server of the node again"},
		{Wait, []string{"TIME"}, "wait for this time, for example 500ms, 5s, 1m30s"},
		{Settle, []string{"[TIME]"}, "wait until the last step has had its effect and each address has been answered by one node without a gap for 1 s; at most TIME"},
		{Await, []string{"NODE", "ADDRESS...", "[TIME]"}, "wait until the node answers for the addresses (or those of an instance); at most TIME"},
		{Expect, []string{"NODE", "ADDRESS..."}, "fail unless the node answers for the addresses (or those of an instance) now"},
		{Show, nil, "print which node holds which address"},
		{Say, []string{"TEXT"}, "print a line"},
	}
}

// usage is the form as the help text shows it.
func (f form) usage() string {
	return strings.TrimSpace(string(f.verb) + " " + strings.Join(f.args, " "))
}

// Usage is one line of help for a verb.
type Usage struct{ Form, Help string }

// Usages is the help of the language of steps, one entry for each verb.
func Usages() []Usage {
	all := forms()
	out := make([]Usage, len(all))
	for i, f := range all {
		out[i] = Usage{Form: f.usage(), Help: f.help}
	}
	return out
}

// Parse reads a script: a step a line, or several with semicolons between
// them. From a # that begins a word to the end of the line is a comment. The
// text of say goes to the end of the line and is taken as it stands. Every
// mistake is an error finding at its place in file; the steps are complete
// only when there is none. Whether the nodes exist is Resolve's question.
func Parse(file, text string) ([]Step, config.Findings) {
	var steps []Step
	var findings config.Findings
	for i, line := range strings.Split(text, "\n") {
		p := lineParser{at: config.NewPosition(file, i+1, 0), words: split(strings.TrimSuffix(line, "\r")), findings: &findings}
		steps = append(steps, p.steps()...)
	}
	return steps, findings
}

// word is a word of a line and its column, counted in characters from 1. rest
// is the line from the word's start on.
type word struct {
	text   string
	column int
	rest   string
}

// split cuts a line into words; a semicolon is a word of its own.
func split(line string) []word {
	var out []word
	column, start, startColumn := 0, -1, 0
	end := func(at int) {
		if start >= 0 {
			out = append(out, word{text: line[start:at], column: startColumn, rest: line[start:]})
		}
		start = -1
	}
	for at, r := range line {
		column++
		switch {
		case r == '#' && start < 0:
			return out
		case r == ';':
			end(at)
			out = append(out, word{text: ";", column: column})
		case unicode.IsSpace(r):
			end(at)
		case start < 0:
			start, startColumn = at, column
		}
	}
	end(len(line))
	return out
}

type lineParser struct {
	at       config.Position
	words    []word
	findings *config.Findings
}

func (p *lineParser) fail(column int, name, format string, args ...any) {
	p.findings.Add(p.at.Behind(column), config.Error, name, format, args...)
}

func (p *lineParser) steps() []Step {
	var out []Step
	for len(p.words) > 0 {
		if p.words[0].text == ";" {
			p.words = p.words[1:]
			continue
		}
		if p.words[0].text == string(Say) {
			out = append(out, p.say())
			break
		}
		n := slices.IndexFunc(p.words, func(w word) bool { return w.text == ";" })
		if n < 0 {
			n = len(p.words)
		}
		if s, ok := p.step(p.words[:n]); ok {
			out = append(out, s)
		}
		p.words = p.words[n:]
	}
	return out
}

func (p *lineParser) say() Step {
	s := Step{At: p.at.Behind(p.words[0].column), Verb: Say}
	s.Text = strings.TrimSpace(strings.TrimPrefix(p.words[0].rest, string(Say)))
	if s.Text == "" {
		p.fail(p.words[0].column, "missing-argument", "say what? expected: say TEXT")
	}
	return s
}

// step reads one step from its words, of which there is at least one.
func (p *lineParser) step(words []word) (Step, bool) {
	f, used := matchForm(words)
	if used == 0 {
		p.unknown(words)
		return Step{}, false
	}
	s := Step{At: p.at.Behind(words[0].column), Verb: f.verb}
	last := words[len(words)-1]
	rest := words[used:]
	for i, arg := range f.args {
		optional := strings.HasPrefix(arg, "[")
		if len(rest) == 0 {
			if optional {
				continue
			}
			p.fail(last.column+len([]rune(last.text)), "missing-argument", "%s is missing; expected: %s", strings.TrimSuffix(arg, "..."), f.usage())
			return Step{}, false
		}
		n := 1
		if strings.HasSuffix(arg, "...") {
			n = len(rest)
			// A duration at the end belongs to the [TIME] that follows.
			if _, err := time.ParseDuration(rest[n-1].text); i+1 < len(f.args) && n > 1 && err == nil {
				n--
			}
		}
		if !p.argument(&s, f, strings.Trim(arg, "[]."), rest[:n]) {
			return Step{}, false
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		p.fail(rest[0].column, "extra-argument", "%q is too much; expected: %s", rest[0].text, f.usage())
		return Step{}, false
	}
	return s, true
}

func (p *lineParser) argument(s *Step, f form, kind string, words []word) bool {
	text := words[0].text
	switch kind {
	case "NODE":
		s.Node = text
	case "INTERFACE":
		s.Link = text
	case "SCRIPT":
		s.Script = text
	case "ADDRESS":
		for _, w := range words {
			s.Subjects = append(s.Subjects, w.text)
		}
	case "TIME":
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			p.fail(words[0].column, "bad-duration", "%q is no time to wait; expected a number with a unit, as in 500ms, 5s or 1m30s", text)
			return false
		}
		s.For = d
	}
	return true
}

// matchForm finds the form whose verb the words begin with and how many words
// the verb is; zero when there is none.
func matchForm(words []word) (form, int) {
	for _, f := range forms() {
		verb := strings.Fields(string(f.verb))
		if len(words) < len(verb) {
			continue
		}
		same := true
		for i, v := range verb {
			same = same && words[i].text == v
		}
		if same {
			return f, len(verb)
		}
	}
	return form{}, 0
}

// unknown reports words that begin no form, with the form likely meant.
func (p *lineParser) unknown(words []word) {
	first := words[0].text
	var two []string
	for _, f := range forms() {
		if verb := strings.Fields(string(f.verb)); len(verb) == 2 && verb[0] == first {
			two = append(two, f.usage())
		}
	}
	if len(two) > 0 {
		p.fail(words[0].column, "unknown-step", "%q is not complete; expected: %s", first, strings.Join(two, " or "))
		return
	}
	for _, f := range forms() {
		if config.Nearest(first, []string{strings.Fields(string(f.verb))[0]}) != "" {
			p.fail(words[0].column, "unknown-step", "no step is called %q; did you mean %q?", first, f.usage())
			return
		}
	}
	p.fail(words[0].column, "unknown-step", "no step is called %q; there are: %s", first, strings.Join(verbs(), ", "))
}

func verbs() []string {
	var out []string
	for _, f := range forms() {
		out = append(out, string(f.verb))
	}
	return out
}
