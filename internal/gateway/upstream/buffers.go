package upstream

import "sync"

// bufferSize is how much of a body is moved at a time.
const bufferSize = 32 << 10

// buffers are what bodies are copied with. The zero value is ready.
type buffers struct{ pool sync.Pool }

func (b *buffers) lend() *[]byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return buffer
	}
	buffer := make([]byte, bufferSize)
	return &buffer
}

func (b *buffers) giveBack(buffer *[]byte) { b.pool.Put(buffer) }
