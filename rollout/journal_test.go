package rollout

import (
	"context"
	"sync"
)

// memoryJournal keeps entries in memory. The zero value is ready.
type memoryJournal struct {
	mu      sync.Mutex
	entries []Entry
}

// Record appends e. It never fails.
func (j *memoryJournal) Record(_ context.Context, e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	return nil
}

// Entries returns a copy of what was recorded, in order.
func (j *memoryJournal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Entry(nil), j.entries...)
}
