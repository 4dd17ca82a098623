package rollout

import (
	"context"
	"errors"
	"io"
	"time"
)

// Host is one instance. An error that has the last lines of a container's log returns
// them from a method LogLines() []string and never in its text, so that they reach the
// report, and neither the journal nor the history. Host is narrow for each of its callers: the plan
// inspects and prepares, the drain speaks to the running service, the swap
// changes containers. One Host is used by one goroutine at a time.
type Host interface {
	Preparer
	Service
	Swapper
	io.Closer
}

// ErrRefuse is wrapped by an error of Prepare or Check that concerns the whole fleet: the
// run is refused, whatever failures its policy tolerates.
var ErrRefuse = errors.New("not to be rolled out")

// Preparer looks at an instance and readies it, while it keeps serving.
type Preparer interface {
	// Inspect tells what runs there. It changes nothing.
	Inspect(ctx context.Context) (State, error)
	// Check makes the checks of Prepare and changes nothing: nothing is pulled.
	Check(ctx context.Context, r Release) error
	// Prepare pulls the release by digest and checks all that can be checked
	// while the old container serves. progress may be called any number of times.
	Prepare(ctx context.Context, r Release, progress func(Progress)) error
}

// Service is the running container, spoken to while it is drained or joins.
type Service interface {
	// Drain tells the service to send its clients away; Undrain takes that
	// back. A service whose container names no drain signal is not told.
	Drain(ctx context.Context) error
	Undrain(ctx context.Context) error
	// Traffic counts the connections of whichever container runs now.
	Traffic(ctx context.Context) (Traffic, error)
}

// Swapper exchanges the old container for the new one.
type Swapper interface {
	// Stop creates the new container, then stops the old one and keeps it.
	Stop(ctx context.Context, r Release) error
	// Start starts the new container.
	Start(ctx context.Context, r Release) error
	// Prove waits, until ctx ends at the latest, for the new container to run,
	// answer over HTTP and name the commit it was built from. It answers how
	// long nothing listened: from the old container's stop to the new one's
	// first answer.
	Prove(ctx context.Context, r Release) (window time.Duration, err error)
	// Revert puts the old container back and proves it, whatever Stop and
	// Start left behind. A container whose stop was asked for is not taken as
	// running. Reverting twice is harmless.
	Revert(ctx context.Context) error
	// Settle removes the kept container and prunes images beyond the last few.
	Settle(ctx context.Context) error
}

// State is what runs on an instance.
type State struct {
	// InstanceID is who the machine itself says it is.
	InstanceID string
	// Release is what the container that holds the service's port runs; zero
	// when none does.
	Release Release
	// Container is that container's ID; empty when none holds the port.
	Container string
	// Running is set when it runs.
	Running bool
	// Missing says, if Container is empty, what was looked for and how to name what runs there instead: the end of a
	// sentence for people. It may be empty.
	Missing string
	// Since is when it was last started, by the instance's clock; zero where that
	// is not known.
	Since time.Time
	// Remarks are oddities worth a line in the report, such as a service that
	// cannot be counted.
	Remarks []string
}

// Progress is how far a pull is.
type Progress struct {
	// Done and Total are bytes; Total grows while layers become known.
	Done, Total int64
}

// Traffic is a sample of one container's connections: both numbers are of now. Health checks, loopback
// peers and outgoing connections are never in Open.
type Traffic struct {
	// Open is how many connections clients have open to the service's port.
	Open int
	// Opened counts connections opened since the container started; only the
	// difference of two samples of one Source means anything.
	Opened uint64
	// Source tells whose count Opened is.
	Source Source
}

// Source is where a count of opened connections comes from.
type Source int

const (
	// Uncounted: nothing could be counted; the engine falls back to fixed times.
	Uncounted Source = iota
	// KernelCount is the network namespace's PassiveOpens, which holds health checks too.
	KernelCount
	// ServiceCount is the service's own count, free of health checks.
	ServiceCount
)
