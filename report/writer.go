package report

import (
	"bytes"
	"io"
	"sync"
)

// longestLine limits how much a [Writer] holds back of a line that does not end, in bytes.
const longestLine = 64 << 10

// Writer writes lines to a terminal or a log and makes each harmless first: without escape sequences, control
// characters, characters that change the direction of writing, and commands that GitHub's runner would run. The layout
// stays. A line is written when it ends, or with Flush. Writer may be used by several goroutines.
type Writer struct {
	w io.Writer

	mu   sync.Mutex
	held []byte // the line that has not ended
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes every line that ends in p, and holds the rest back. It breaks a line that is longer than 64 KiB.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, p...)
	end := bytes.LastIndexByte(w.held, '\n') + 1
	if len(w.held)-end > longestLine {
		w.held = append(w.held, '\n')
		end = len(w.held)
	}
	return len(p), w.write(end)
}

// Flush writes what is held back: a prompt, or the end of a program's output.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.write(len(w.held))
}

// write writes the first n held bytes in one call, so that lines of others cannot come between them.
func (w *Writer) write(n int) error {
	if n == 0 {
		return nil
	}
	var clean bytes.Buffer
	for line := range bytes.Lines(w.held[:n]) {
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		clean.WriteString(printable(string(text)))
		if ended {
			clean.WriteByte('\n')
		}
	}
	w.held = w.held[:copy(w.held, w.held[n:])]
	_, err := w.w.Write(clean.Bytes())
	return err
}
