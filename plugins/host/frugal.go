//go:build linux

package host

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// frugal is the codec of gRPC, which decodes no message of a plugin that has more
// parts than any plugin would send: an empty part takes two octets on the wire, and a
// hundred in memory.
type frugal struct{ encoding.CodecV2 }

// maxParts is how many results, logs, details and the like a message may have.
const maxParts = 1 << 18

// Unmarshal is gRPC's.
func (f frugal) Unmarshal(data mem.BufferSlice, v any) error {
	if _, ok := v.(*checkerpb.FromPlugin); ok {
		b := data.MaterializeToBuffer(mem.DefaultBufferPool())
		defer b.Free()
		if n := parts(b.ReadOnlyData(), 2); n > maxParts {
			return fmt.Errorf("a message has %d parts, more than %d", n, maxParts)
		}
		data = mem.BufferSlice{b}
	}
	return f.CodecV2.Unmarshal(data, v)
}

// parts counts the parts of a message, and those within, down to so many levels. Of
// what is no message it counts what it can.
func parts(b []byte, levels int) (n int) {
	for len(b) > 0 {
		number, kind, head := protowire.ConsumeTag(b)
		if head < 0 {
			return n
		}
		size := protowire.ConsumeFieldValue(number, kind, b[head:])
		if size < 0 {
			return n
		}
		if kind == protowire.BytesType {
			n++
			if content, k := protowire.ConsumeBytes(b[head:]); k > 0 && levels > 1 {
				n += parts(content, levels-1)
			}
		}
		b = b[head+size:]
	}
	return n
}
