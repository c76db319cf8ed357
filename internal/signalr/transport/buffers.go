package transport

import (
	"net"
	"sync"
)

// Buffers is the memory that connections borrow while they read or write.
type Buffers struct {
	largest int // larger buffers are not kept
	bytes   sync.Pool
	vectors sync.Pool
}

// NewBuffers returns memory for connections whose largest message has message bytes.
func NewBuffers(message int) *Buffers { return &Buffers{largest: max(message, maxRun) + growth} }

// vector serves net.Buffers: writing consumes left, and all keeps the memory.
type vector struct{ all, left net.Buffers }

func (b *Buffers) get() []byte {
	if p, ok := b.bytes.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, growth)
}

// Put takes p back. It drops nil, and what is larger than the largest message.
func (b *Buffers) Put(p []byte) {
	if p != nil && cap(p) <= b.largest {
		b.bytes.Put(&p)
	}
}

func (b *Buffers) vector() *vector {
	if v, ok := b.vectors.Get().(*vector); ok {
		return v
	}
	return &vector{all: make(net.Buffers, 0, MaxVector)}
}

func (b *Buffers) putVector(v *vector) {
	clear(v.all[:cap(v.all)]) // to release the messages
	v.left = nil
	b.vectors.Put(v)
}
