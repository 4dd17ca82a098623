package engine

import (
	"bytes"
	"sync"
	"time"
)

// stream numbers are those of Docker's multiplexed format.
type stream byte

const (
	stdout stream = 1
	stderr stream = 2
)

// maxLogLines bounds what is kept of a container's output; older lines go.
const maxLogLines = 10_000

// maxLogLine is where the engine splits a line.
const maxLogLine = 16 << 10

type logLine struct {
	from stream
	at   time.Time
	text []byte // with its newline, unless it was split
}

// logBuffer holds the last lines of a container, over all its runs.
type logBuffer struct {
	mu      sync.Mutex
	lines   []logLine
	dropped int // lines that are no longer in lines
	closed  bool
	changed chan struct{}
}

func newLogBuffer() *logBuffer { return &logBuffer{changed: make(chan struct{})} }

func (b *logBuffer) add(from stream, text []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, logLine{from, time.Now().UTC(), bytes.Clone(text)})
	if over := len(b.lines) - maxLogLines; over > 0 {
		b.lines = append([]logLine(nil), b.lines[over:]...)
		b.dropped += over
	}
	b.wake()
}

func (b *logBuffer) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *logBuffer) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.wake()
}

// since returns the lines from a position on, the next position, and what is
// closed when there are more.
func (b *logBuffer) since(position int) (lines []logLine, next int, changed <-chan struct{}, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines = b.lines[min(max(position-b.dropped, 0), len(b.lines)):]
	return lines, b.dropped + len(b.lines), b.changed, b.closed
}

// writer takes one stream of a process and cuts it into lines.
func (b *logBuffer) writer(from stream) *lineWriter { return &lineWriter{buffer: b, from: from} }

type lineWriter struct {
	buffer  *logBuffer
	from    stream
	partial []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.partial = append(w.partial, p...)
	for {
		i := bytes.IndexByte(w.partial, '\n')
		switch {
		case i >= 0:
			w.buffer.add(w.from, w.partial[:i+1])
			w.partial = w.partial[i+1:]
		case len(w.partial) >= maxLogLine:
			w.buffer.add(w.from, w.partial)
			w.partial = nil
		default:
			return len(p), nil
		}
	}
}

// flush keeps a last line that has no end. It is called when the process and
// the copying of its output have ended.
func (w *lineWriter) flush() {
	if len(w.partial) > 0 {
		w.buffer.add(w.from, w.partial)
		w.partial = nil
	}
}
