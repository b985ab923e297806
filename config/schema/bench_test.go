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
