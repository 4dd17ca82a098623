package engine

import (
	"context"
	"os"
	"sync"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// supervisor runs the processes of an engine's containers: it starts, stops, probes and restarts them.
type supervisor struct {
	opts       Options
	root       *os.Root // the instance's files
	images     *images
	containers *containerSet
	ports      *portBook
	hostWire   *wire.Stack // the namespace that containers with host networking share

	ctx   context.Context // ends when the engine is closed
	tasks sync.WaitGroup  // goroutines that wait for processes and probe them
}
