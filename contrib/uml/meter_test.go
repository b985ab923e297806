//go:build linux

package main

import (
	"bufio"
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMeter holds the count of a group to what the kernel says of it in the end.
func TestMeter(t *testing.T) {
	const burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
	cmd := exec.Command("sh", "-c", "("+burn+"); "+burn+"; echo burnt; read word")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if word, err := bufio.NewReader(out).ReadString('\n'); err != nil || word != "burnt\n" {
		t.Errorf("it said %q, %v", word, err)
	}
	var answers bytes.Buffer
	meter(strings.NewReader("\n\n"), &answers, cmd.Process.Pid)
	in.Close()
	_ = cmd.Wait() // read finds no word
	spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	lines := strings.Fields(answers.String())
	if len(lines) != 2 {
		t.Fatalf("the meter says %q to two questions", &answers)
	}
	for _, line := range lines {
		n, err := strconv.ParseInt(line, 10, 64)
		// The kernel counts the child that has ended, and all in the end, in ticks.
		if got := time.Duration(n); err != nil || got < spent-30*time.Millisecond || got > spent+30*time.Millisecond {
			t.Errorf("the meter says %q, and they took %v", line, spent)
		}
	}
}
