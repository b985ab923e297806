//go:build linux

package host

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// lines is a link by lines of JSON on standard input and output, for checkers
// in languages without gRPC. The messages are those of the protocol; see
// plugins/README.md.
type lines struct {
	proc  *process
	pace  *paced
	out   *bufio.Reader
	first []byte
}

// maxJSON bounds one line of a plugin, in bytes.
const maxJSON = 1 << 20

// newLines makes a link to a process whose first line has been read, or the
// beginning of it.
func newLines(p *process, first []byte, out *bufio.Reader) *lines {
	pace := &paced{r: out}
	return &lines{proc: p, pace: pace, first: first, out: bufio.NewReaderSize(pace, maxLine)}
}

func (l *lines) close() { l.proc.farewell() }

func (l *lines) send(m *checkerpb.FromHost) error {
	b, err := encodeLine(m)
	if err != nil {
		return err
	}
	if _, err := l.proc.stdin.Write(b); err != nil {
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		return fmt.Errorf("write to the plugin: %w", err)
	}
	return nil
}

func (l *lines) recv() (*checkerpb.FromPlugin, error) {
	for {
		line, err := l.read()
		if err != nil {
			return nil, fmt.Errorf("read from the plugin: %w", err)
		}
		l.pace.lines(1)
		if len(bytes.TrimSpace(line)) > 0 {
			return decodeLine(line)
		}
	}
}

// read returns the next line.
func (l *lines) read() ([]byte, error) {
	line := l.first
	l.first = nil
	for len(line) == 0 || line[len(line)-1] != '\n' {
		if len(line) > maxJSON {
			return nil, fmt.Errorf("a line is longer than %d bytes", maxJSON)
		}
		part, err := l.out.ReadSlice('\n')
		line = append(line, part...)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
	return line, nil
}

// The messages as JSON has them. Fields that are not known are left alone.
type (
	jsonFromHost struct {
		Prepare []jsonPrepare `json:"prepare,omitempty"`
		Release []uint32      `json:"release,omitempty"`
		Cancel  []uint32      `json:"cancel,omitempty"`
		Start   []jsonStart   `json:"start,omitempty"`
		Ping    uint32        `json:"ping,omitempty"`
	}
	jsonPrepare struct {
		Check   uint32          `json:"check"`
		Label   string          `json:"label"`
		Target  jsonTarget      `json:"target"`
		Options json.RawMessage `json:"options"`
		State   string          `json:"state,omitempty"`
	}
	jsonTarget struct {
		Address  string  `json:"address"`
		Port     uint32  `json:"port"`
		BindTo   string  `json:"bindto,omitempty"`
		BindPort uint32  `json:"bind_port,omitempty"`
		BindIf   string  `json:"bind_if,omitempty"`
		Fwmark   uint32  `json:"fwmark,omitempty"`
		Timeout  uint64  `json:"timeout_us"`
		Weight   *uint32 `json:"weight,omitempty"`
	}
	jsonStart struct {
		Check   uint32 `json:"check"`
		Probe   uint32 `json:"probe"`
		Timeout uint64 `json:"timeout_us"`
		Details bool   `json:"details,omitempty"`
	}
	jsonFromPlugin struct {
		Hello    *jsonHello     `json:"hello"`
		Prepared []jsonPrepared `json:"prepared"`
		Results  []jsonResult   `json:"results"`
		Logs     []jsonLog      `json:"logs"`
		Pong     uint32         `json:"pong"`
	}
	jsonHello struct {
		Protocol int          `json:"protocol"`
		Name     string       `json:"name"`
		Version  string       `json:"version"`
		Doc      string       `json:"doc"`
		Options  []jsonOption `json:"options"`
		Needs    []string     `json:"needs"`
	}
	jsonOption struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Unit     string `json:"unit"`
		Default  string `json:"default"`
		Doc      string `json:"doc"`
		Required bool   `json:"required"`
		Secret   bool   `json:"secret"`
	}
	jsonPrepared struct {
		Check uint32 `json:"check"`
		Error string `json:"error"`
	}
	jsonResult struct {
		Check   uint32       `json:"check"`
		Probe   uint32       `json:"probe"`
		Verdict string       `json:"verdict"`
		Message string       `json:"message"`
		Latency uint64       `json:"latency_us"`
		Weight  *int32       `json:"weight"`
		Details []jsonDetail `json:"details"`
		State   string       `json:"state"`
	}
	jsonDetail struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
	jsonLog struct {
		Level   string  `json:"level"`
		Message string  `json:"message"`
		Check   *uint32 `json:"check"`
	}
)

// encodeLine is a message as a line.
func encodeLine(m *checkerpb.FromHost) ([]byte, error) {
	out := jsonFromHost{Release: m.GetRelease(), Cancel: m.GetCancel(), Ping: m.GetPing()}
	for _, p := range m.GetPrepare() {
		t := p.GetTarget()
		options := json.RawMessage(p.GetOptions())
		if len(options) == 0 {
			options = json.RawMessage("{}")
		}
		out.Prepare = append(out.Prepare, jsonPrepare{
			Check: p.GetCheck(), Label: p.GetLabel(), Options: options, State: p.GetState(),
			Target: jsonTarget{t.GetAddress(), t.GetPort(), t.GetBindto(), t.GetBindPort(), t.GetBindIf(), t.GetFwmark(), t.GetTimeoutUs(), t.Weight},
		})
	}
	for _, s := range m.GetStart() {
		out.Start = append(out.Start, jsonStart{s.GetCheck(), s.GetProbe(), s.GetTimeoutUs(), s.GetDetails()})
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write a message as JSON: %w", err)
	}
	return append(b, '\n'), nil
}

// The words for verdicts and levels.
var (
	verdictWords = map[string]checkerpb.Verdict{"ok": checkerpb.Verdict_OK, "failed": checkerpb.Verdict_FAILED, "unknown": checkerpb.Verdict_UNKNOWN}
	levelWords   = map[string]int32{"debug": -4, "info": 0, "": 0, "warn": 4, "error": 8}
)

// maxCommas is how many things a line may have: what it says of a check or a probe takes
// nine octets for each at the least, and an empty part three, and hundreds in memory.
const maxCommas = maxJSON / 8

// commas counts what a line has beside texts.
func commas(line []byte) (n int) {
	text := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			text = !text
		case text && c == '\\':
			i++
		case !text && c == ',':
			n++
		}
	}
	return n
}

// decodeLine is the message of a line.
func decodeLine(line []byte) (*checkerpb.FromPlugin, error) {
	if n := commas(line); n > maxCommas {
		return nil, fmt.Errorf("a line has %d parts, more than %d", n, maxCommas)
	}
	var in jsonFromPlugin
	if err := json.Unmarshal(line, &in); err != nil {
		return nil, fmt.Errorf("the plugin wrote a line that is no message: %w", err)
	}
	m := &checkerpb.FromPlugin{Pong: in.Pong}
	if h := in.Hello; h != nil {
		if h.Protocol != 1 {
			return nil, fmt.Errorf("the plugin speaks version %d of the protocol, this is version 1", h.Protocol)
		}
		m.Hello = &checkerpb.Hello{Name: h.Name, Version: h.Version, Doc: h.Doc, Needs: h.Needs}
		for _, o := range h.Options {
			m.Hello.Options = append(m.Hello.Options, &checkerpb.Option{
				Name: o.Name, Type: o.Type, Unit: o.Unit, Default: o.Default, Doc: o.Doc, Required: o.Required, Secret: o.Secret,
			})
		}
	}
	for _, p := range in.Prepared {
		m.Prepared = append(m.Prepared, &checkerpb.Prepared{Check: p.Check, Error: p.Error})
	}
	for _, r := range in.Results {
		verdict, ok := verdictWords[r.Verdict]
		if !ok {
			return nil, fmt.Errorf("the plugin gave the verdict %.40q; there are ok, failed, unknown", r.Verdict)
		}
		out := &checkerpb.Result{Check: r.Check, Probe: r.Probe, Verdict: verdict, Message: r.Message, LatencyUs: r.Latency, Weight: r.Weight, State: r.State}
		for _, d := range r.Details {
			out.Details = append(out.Details, &checkerpb.Detail{Name: d.Name, Text: d.Text})
		}
		m.Results = append(m.Results, out)
	}
	for _, l := range in.Logs {
		level, ok := levelWords[l.Level]
		if !ok {
			return nil, fmt.Errorf("the plugin logged with the level %.40q; there are debug, info, warn, error", l.Level)
		}
		out := &checkerpb.Log{Level: level, Message: l.Message}
		if l.Check != nil {
			out.Check, out.HasCheck = *l.Check, true
		}
		m.Logs = append(m.Logs, out)
	}
	return m, nil
}
