//go:build linux

package host

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// frame is one of HTTP/2, of no stream.
func frame(kind byte, content string) string {
	return string([]byte{byte(len(content) >> 16), byte(len(content) >> 8), byte(len(content)), kind, 0, 0, 0, 0, 0}) + content
}

// frames speaks HTTP/2 and never says anything: it pings, or what its name says.
func frames() {
	what := frame(6, "12345678")
	switch _, name, _ := strings.Cut(os.Args[len(os.Args)-1], "-"); name {
	case "settings":
		what = frame(4, "")
	case "windows":
		what = frame(8, "\x00\x00\x00\x00")[:9] + "\x00\x00\x00\x01"
	}
	path := filepath.Join(os.Getenv(plugin.EnvUnixSocketDir), "frames")
	l, err := net.Listen("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	greet(path)
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		go func() {
			go io.Copy(io.Discard, c) // acknowledgements
			_, err := io.WriteString(c, frame(4, ""))
			for many := strings.Repeat(what, 1000); err == nil; {
				_, err = io.WriteString(c, many)
			}
		}()
	}
}

// TestFramesWithoutEnd: a plugin that sends nothing but frames of the kind that the
// library answers by itself takes little of the daemon's processor.
func TestFramesWithoutEnd(t *testing.T) {
	for _, kind := range []string{"FRAMES", "FRAMES-settings", "FRAMES-windows"} {
		t.Run(kind, func(t *testing.T) {
			o := quick(t)
			o.Start, o.Retry = 2500*time.Millisecond, time.Minute
			s := newSite(t, o)
			c := check(0, kind, "ok")
			c.Limit, c.Patience = 100*time.Millisecond, 200*time.Millisecond
			s.open(Plan{Checks: []Check{c}})
			s.eventually("it is started", func() bool { return len(children()) == 1 })
			begin, before := time.Now(), cpu(t, 0)
			s.eventually("it is ended", func() bool { return s.status().Failures > 0 })
			took, used := time.Since(begin), cpu(t, 0)-before
			t.Logf("%v of %v of the processor: %s", used, took, s.status().Reason)
			if !strings.Contains(s.status().Reason, "who it is") {
				t.Errorf("it was not connected: %s", s.status().Reason)
			}
			if used > took/4 && !raceDetector {
				t.Errorf("it took %v of the processor in %v", used, took)
			}
		})
	}
}

// TestCountsFrames: frames are counted in whatever pieces they come.
func TestCountsFrames(t *testing.T) {
	var all bytes.Buffer
	random := rand.New(rand.NewPCG(1, 2))
	const n = 1000
	for range n {
		all.WriteString(frame(0, strings.Repeat("x", random.IntN(40))))
	}
	c, got := pacedConn{}, 0
	for b := all.Bytes(); len(b) > 0; {
		k := min(len(b), 1+random.IntN(30))
		got += c.frames(b[:k])
		b = b[k:]
	}
	if got != n || c.have != 0 || c.rest != 0 {
		t.Errorf("%d frames, and %d and %d octets are left; want %d", got, c.have, c.rest, n)
	}
}

// decodeMessage decodes what came by gRPC.
func decodeMessage(b []byte) (*checkerpb.FromPlugin, error) {
	m := new(checkerpb.FromPlugin)
	codec := frugal{encoding.GetCodecV2("proto")}
	return m, codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b[:len(b)/2]), mem.SliceBuffer(b[len(b)/2:])}, m)
}

// TestManyParts: a message of two octets for each of its parts, which would take a
// hundred times as much once decoded, is not decoded; one of ten thousand results is.
func TestManyParts(t *testing.T) {
	codec := frugal{encoding.GetCodecV2("proto")}
	const results = 3
	for name, part := range map[string][]byte{
		"results": protowire.AppendBytes(protowire.AppendTag(nil, results, protowire.BytesType), nil),
		"details": protowire.AppendBytes(protowire.AppendTag(nil, results, protowire.BytesType),
			bytes.Repeat(protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), nil), 50)),
		"behind a group": protowire.AppendBytes(protowire.AppendTag(nil, results, protowire.BytesType), nil),
	} {
		var group []byte
		if name == "behind a group" {
			group = protowire.AppendTag(protowire.AppendTag(nil, 100, protowire.StartGroupType), 100, protowire.EndGroupType)
		}
		if _, err := decodeMessage(append(group, bytes.Repeat(part, (maxReceive-len(group))/len(part))...)); err == nil || !strings.Contains(err.Error(), "parts, more than") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, line := range map[string]string{
		"options": `{"hello":{"protocol":1,"name":"X","options":[{}` + strings.Repeat(",{}", maxJSON/3-100) + "]}}",
		"logs":    `{"logs":[{"message":"\\\""}` + strings.Repeat(",{}", maxJSON/3-100) + "]}",
	} {
		if _, err := decodeLine([]byte(line)); err == nil || !strings.Contains(err.Error(), "parts, more than") {
			t.Errorf("line of %s: %v", name, err)
		}
	}
	text := strings.Repeat(`,\"`, maxJSON/3-100) // within a text they are no parts
	if m, err := decodeLine([]byte(`{"logs":[{"message":"` + text + `"}]}`)); err != nil || len(m.GetLogs()) != 1 {
		t.Errorf("a line of one long text: %v", err)
	}
	good := &checkerpb.FromPlugin{}
	for i := range 10000 {
		good.Results = append(good.Results, &checkerpb.Result{Check: uint32(i), Probe: 1, Verdict: checkerpb.Verdict_OK, Message: "connected", State: "x"})
	}
	b, err := codec.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decodeMessage(b.Materialize())
	if err != nil || len(m.GetResults()) != 10000 || m.GetResults()[9999].GetMessage() != "connected" {
		t.Errorf("%d results, %v", len(m.GetResults()), err)
	}
}
