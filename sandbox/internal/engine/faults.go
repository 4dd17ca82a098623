package engine

import "sync/atomic"

// faults are the faults of an engine. The zero value has none.
type faults struct{ gone, diskFull atomic.Bool }

// SetGone sets whether the engine is gone: it closes its connections and refuses new ones. Containers continue to run.
func (e *Engine) SetGone(gone bool) {
	e.faults.gone.Store(gone)
	if gone {
		e.server.cut()
	}
}

// SetDiskFull sets whether the disk is full, which [Engine.Disk] reports and which makes unpacking an image fail.
func (e *Engine) SetDiskFull(full bool) { e.faults.diskFull.Store(full) }
