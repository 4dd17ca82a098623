package sandbox

import (
	"errors"
	"slices"
	"sync"
)

// cleanup is a list of functions that undo what was opened. They run once, the last one first.
type cleanup struct {
	mu     sync.Mutex
	undo   []func() error
	closed bool
	done   chan struct{}
	err    error
}

func newCleanup() *cleanup { return &cleanup{done: make(chan struct{})} }

// add adds a function. After run, add calls it at once.
func (c *cleanup) add(undo func() error) {
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.undo = append(c.undo, undo)
	}
	c.mu.Unlock()
	if closed {
		_ = undo()
	}
}

// run calls all functions and returns their errors. Later calls wait for the first one and return the same.
func (c *cleanup) run() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	undo := c.undo
	c.undo = nil
	c.mu.Unlock()
	if !first {
		<-c.done
		return c.err
	}
	var faults []error
	for _, f := range slices.Backward(undo) {
		faults = append(faults, f())
	}
	c.err = errors.Join(faults...)
	close(c.done)
	return c.err
}
