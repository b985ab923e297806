package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestLacks(t *testing.T) {
	const both = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW
	for _, tt := range []struct {
		effective uint64
		want      string
	}{
		{both, ""},
		{^uint64(0), ""},
		{1 << unix.CAP_NET_RAW, "this process lacks CAP_NET_ADMIN (to set addresses): run it as root, or give it these capabilities"},
		{^uint64(both), "this process lacks CAP_NET_ADMIN (to set addresses) and CAP_NET_RAW (to speak VRRP): run it as root, or give it these capabilities"},
	} {
		got := ""
		if err := lacks(tt.effective); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("capabilities %x: %q, want %q", tt.effective, got, tt.want)
		}
	}
}
