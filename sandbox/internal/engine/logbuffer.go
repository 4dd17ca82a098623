package engine

import (
	"bytes"
	"sync"
	"time"
)

// The numbers of the streams in Docker's multiplexed format.
type stream byte

const (
	stdout stream = 1
	stderr stream = 2
)

// maxLogLines is the number of lines of a container's output that are kept. Older lines are dropped.
const maxLogLines = 10_000

// maxLogLine is the length in bytes at which a line is split, as in Docker.
const maxLogLine = 16 << 10

type logLine struct {
	from stream
	at   time.Time
	text []byte // with its newline, unless it was split
}

// logBuffer holds the last lines of a container's output, from all its runs.
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

// since returns the lines from a position on, the next position, and a channel that is closed when there are more lines.
func (b *logBuffer) since(position int) (lines []logLine, next int, changed <-chan struct{}, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines = b.lines[min(max(position-b.dropped, 0), len(b.lines)):]
	return lines, b.dropped + len(b.lines), b.changed, b.closed
}

// writer returns a writer that splits one output stream of a process into lines.
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

// flush adds a last line without a line end. It must be called after the process and the copying of its output have
// ended.
func (w *lineWriter) flush() {
	if len(w.partial) > 0 {
		w.buffer.add(w.from, w.partial)
		w.partial = nil
	}
}
