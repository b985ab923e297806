//go:build linux

package subject

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// meterVariable names the terminal by which contrib/uml tells what a guest costs.
const meterVariable = "UML_METER"

// Meter tells the CPU time of the guest of User-Mode Linux that this runs in, as
// the machine below counts it: of all that is in the guest, also of its kernel.
// The guest's own clock of CPU time counts ticks of 10 ms, and charges each to
// whoever runs when it comes.
type Meter struct {
	tty  *os.File
	from *bufio.Reader
}

// OpenMeter opens the guest's meter. It returns nil where this is no guest: there,
// Daemon.CPU is exact.
func OpenMeter() (*Meter, error) {
	path := os.Getenv(meterVariable)
	if path == "" {
		return nil, nil
	}
	tty, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the guest's meter of CPU time: %w", err)
	}
	return &Meter{tty, bufio.NewReader(tty)}, nil
}

// CPU is what the guest has cost since it was started.
func (m *Meter) CPU() (time.Duration, error) {
	if _, err := m.tty.WriteString("\n"); err != nil {
		return 0, fmt.Errorf("ask the guest's meter of CPU time: %w", err)
	}
	line, err := m.from.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("read the guest's meter of CPU time: %w", err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the guest's meter of CPU time: %w", err)
	}
	return time.Duration(n), nil
}

// Close closes it.
func (m *Meter) Close() error { return m.tty.Close() }
