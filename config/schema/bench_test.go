package schema

import (
	"reflect"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// BenchmarkBuild is what every start of the program pays for the schema.
func BenchmarkBuild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		build(reflect.TypeFor[config.Config](), nil)
	}
}

// BenchmarkDiff is what a reload pays for saying what it changes, among a thousand
// real servers of which none does.
func BenchmarkDiff(b *testing.B) {
	site := func() *config.Config {
		c := &config.Config{}
		for range 100 {
			v := config.VirtualServer{Protocol: "TCP", LBAlgo: "rr"}
			v.RealServers = make([]config.RealServer, 10)
			c.VirtualServers = append(c.VirtualServers, v)
		}
		return c
	}
	old, now := site(), site()
	s := New()
	b.ReportAllocs()
	for b.Loop() {
		if len(s.Diff(old, now)) > 0 {
			b.Fatal("nothing changed")
		}
	}
}
