package rollout

import (
	"context"
	"errors"
	"time"
)

// ActTimeout is the time within which an act must have been sent, counted from before its intent was written. It also
// bounds how long the act's answer is waited for. It is shorter than a lease of 60 s, so that a run that lost its lease
// sends nothing any more when the next one begins.
const ActTimeout = 55 * time.Second

// actMargin is the time that an act needs to be sent. If its intent has less left, another one is written first.
const actMargin = 30 * time.Second

// ErrTooLate is wrapped by the error of an act whose time was over before it was sent, or before it was sent again after an
// attempt that failed and may have been applied.
var ErrTooLate = errors.New("the time for it was over before it was sent, because this process or the network stood still")

// Fence limits when the act of one intent may be sent.
type Fence interface {
	// Check returns an error that wraps ErrTooLate once the intent's time is over.
	Check() error
	// Renew returns ctx with a fence that has enough time left for one more request. It writes another intent if it has to.
	Renew(ctx context.Context) (context.Context, error)
}

type fenceKey struct{}

// WithFence returns the context of an act that is limited by f.
func WithFence(ctx context.Context, f Fence) context.Context {
	return context.WithValue(ctx, fenceKey{}, f)
}

// CheckAct returns an error if ctx is of an act whose time is over. A port calls it directly before it sends a request
// that changes something. Of a context that belongs to no act it returns nil.
func CheckAct(ctx context.Context) error {
	if f, fenced := ctx.Value(fenceKey{}).(Fence); fenced {
		return f.Check()
	}
	return nil
}

// BeginPart returns the context for the next part of an act that makes several calls, such as putting a container back.
// Each part needs an intent with time left when it begins.
func BeginPart(ctx context.Context) (context.Context, error) {
	if f, fenced := ctx.Value(fenceKey{}).(Fence); fenced {
		return f.Renew(ctx)
	}
	return ctx, nil
}

// newStopwatch returns the time since now, as the largest of three clocks. The monotonic clock stands still while the
// machine sleeps, the wall clock can be set back, and the boot time is known on Linux only. A clock that runs ahead
// costs another intent and nothing else.
func newStopwatch() (elapsed func() time.Duration) { return stopwatchOf(time.Now, sinceBoot) }

func stopwatchOf(now func() time.Time, sinceBoot func() time.Duration) (elapsed func() time.Duration) {
	began, boot := now(), sinceBoot()
	return func() time.Duration {
		at := now()
		return max(at.Sub(began), at.Round(0).Sub(began.Round(0)), sinceBoot()-boot)
	}
}
