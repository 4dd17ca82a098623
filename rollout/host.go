package rollout

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"
)

// Host is one instance. An error that has the last lines of a container's log returns
// them from a method LogLines() []string and never in its text, so that they reach the
// report, and neither the journal nor the history. One Host is used by one goroutine at
// a time, except that Traffic may be called while Prepare runs. It is made of one interface
// for each caller: the plan inspects and prepares, the drain signals the running service,
// and the swap changes containers.
//
// Drain, Undrain and the methods of a Swapper but Prove are acts: they call [BeginPart] before
// each request that changes something, and [CheckAct] directly before it is sent.
type Host interface {
	Preparer
	Service
	Swapper
	io.Closer
}

// ErrRefuse is wrapped by an error of Prepare or Check that concerns the whole fleet. The
// run is then refused, whatever number of failures its policy tolerates.
var ErrRefuse = errors.New("not to be rolled out")

// Preparer inspects an instance and readies it, while it keeps serving.
type Preparer interface {
	// Inspect returns what runs there. It changes nothing.
	Inspect(ctx context.Context) (State, error)
	// Check makes the checks of Prepare. It changes nothing, so it does not pull.
	Check(ctx context.Context, r Release) error
	// Prepare pulls the release by digest and checks all that can be checked
	// while the old container serves. It requests of that one exactly what Revert
	// will request. It is no act, so it may remove only what an earlier run left behind
	// and no way back needs. progress may be called any number of times.
	Prepare(ctx context.Context, r Release, progress func(Progress)) error
}

// Service is the running container while it drains or joins.
type Service interface {
	// Drain signals the service to send its clients away, and Undrain takes that
	// back. Neither does anything if the service's container names no drain signal.
	Drain(ctx context.Context) error
	Undrain(ctx context.Context) error
	// Traffic counts the connections of the container that runs now.
	Traffic(ctx context.Context) (Traffic, error)
}

// Swapper exchanges the old container for the new one.
type Swapper interface {
	// Stop creates the new container, then stops the old one without removing it.
	Stop(ctx context.Context, r Release) error
	// Start starts the new container.
	Start(ctx context.Context, r Release) error
	// Prove waits, until ctx ends at the latest, for the new container to run,
	// answer over HTTP and name the commit it was built from. It returns how
	// long nothing listened, from the old container's stop to the new one's
	// first answer.
	Prove(ctx context.Context, r Release) (window time.Duration, err error)
	// Revert puts the old container back, whatever Stop and Start left behind, and
	// waits until it shows what it showed when Prepare looked. A container that was told to stop does not count as
	// running, even if it still runs. Reverting twice is harmless.
	Revert(ctx context.Context) error
	// Settle removes the old container and prunes images beyond the last few. It returns the names of those images.
	Settle(ctx context.Context) (removed []string, err error)
}

// State describes the container on an instance.
type State struct {
	// InstanceID is the instance ID that the machine itself reports.
	InstanceID string
	// Release is the image of the container that holds the service's port; zero
	// if there is none.
	Release Release
	// SameImage lists the image's other digests in the repository, if nothing records from which of them the container was
	// created. One image has several, because an index, such as one with attestations, has a digest of its own.
	SameImage []string
	// Container is that container's ID; empty if no container holds the port.
	Container string
	// Running is set if it runs.
	Running bool
	// Missing is the end of a sentence for people, if Container is empty: what was searched for, and how to name what
	// runs there instead. It may be empty.
	Missing string
	// Unproven is the error of Prove, in one line, if Running and a new container that shows what this one shows now would
	// not be proven. Revert requires only that this one shows the same again. Empty: it would be proven.
	Unproven string
	// Since is the time of its last start, by the instance's clock; zero if that is not
	// known.
	Since time.Time
	// Remarks are oddities for the report, such as a service whose connections cannot
	// be counted.
	Remarks []string
}

// Runs reports whether the container was created from the digest, or may have been.
func (s State) Runs(digest string) bool {
	return s.Release.Digest() == digest || slices.Contains(s.SameImage, digest)
}

// Progress counts the bytes of a pull.
type Progress struct {
	// Done and Total are bytes. Total grows while the engine finds out about layers.
	Done, Total int64
}

// Traffic is a sample of one container's connections: both numbers are of now. Health checks, loopback
// peers and outgoing connections are never in Open.
type Traffic struct {
	// Open counts the connections that clients have open to the service's port.
	Open int
	// Opened counts connections opened since the container started. Only the
	// difference of two samples of one Source means anything.
	Opened uint64
	// Source is whose count Opened is.
	Source Source
}

// Source is the origin of a count of opened connections.
type Source int

const (
	// Uncounted: nothing could be counted, so the engine waits for fixed times.
	Uncounted Source = iota
	// KernelCount is the network namespace's PassiveOpens, which includes health checks.
	KernelCount
	// ServiceCount is the service's own count, which does not include health checks.
	ServiceCount
)
