package signalr

import (
	"net"
	"sync"
)

// buffers is the memory that connections borrow while they read or write.
type buffers struct {
	largest int // what is larger is not kept
	bytes   sync.Pool
	vectors sync.Pool
}

// newBuffers returns memory for connections whose largest message has so many bytes.
func newBuffers(message int) *buffers { return &buffers{largest: max(message, maxRun) + growth} }

// vector is what net.Buffers needs: writing consumes left, all keeps the memory.
type vector struct{ all, left net.Buffers }

func (b *buffers) get() []byte {
	if p, ok := b.bytes.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, growth)
}

func (b *buffers) put(p []byte) {
	if p != nil && cap(p) <= b.largest {
		b.bytes.Put(&p)
	}
}

func (b *buffers) vector() *vector {
	if v, ok := b.vectors.Get().(*vector); ok {
		return v
	}
	return &vector{all: make(net.Buffers, 0, maxVector)}
}

func (b *buffers) putVector(v *vector) {
	clear(v.all[:cap(v.all)]) // let go of the messages
	v.left = nil
	b.vectors.Put(v)
}
