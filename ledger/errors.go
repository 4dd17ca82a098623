package ledger

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

var (
	// ErrLost is returned if the lease does not belong to this run any more, so that it must not act. See [LostError].
	ErrLost = rollout.ErrLost
	// ErrReleased is returned after Finish or Release.
	ErrReleased = errors.New("the lease was given back")
)

// HeldError is returned if another run holds the lease.
type HeldError struct {
	Environment string
	// Lease is the other run's.
	Lease Held
	// Now is the store's time at which it was read.
	Now time.Time
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by %s: wait for that run to end (its lease ends %s, in %s, unless it is renewed)",
		e.Environment, e.Lease.Holder, e.Lease.Ends.UTC().Format(time.RFC3339), e.Lease.Ends.Sub(e.Now).Round(time.Second))
}

// MoveError is returned if a ledger cannot be moved from its key of before ([Options.Before]), because a program that knows
// no other key holds the lease there or left a run unfinished. It is a *[HeldError] if it holds the lease.
type MoveError struct {
	// Status is the state at that key. Status.Before is the object.
	Status Status
}

func (e *MoveError) Error() string {
	if held := e.Status.held(); held != nil {
		return fmt.Sprintf("%v: the lease is in %s, because its program knows only the key of before", held, e.Status.Before)
	}
	run := e.Status.left()[0]
	return fmt.Sprintf("%s did not finish, and only its program can heal what it left, because it keeps its journal in %s: run `mage deploy:heal %s` at its commit, and then try again",
		run.Holder, e.Status.Before, e.Status.Environment)
}

func (e *MoveError) Unwrap() error {
	if held := e.Status.held(); held != nil {
		return held
	}
	return nil
}

// ErrClaimed is returned if a target group belongs to another service or environment. See [ClaimError].
var ErrClaimed = errors.New("the target group belongs to another service or environment")

// ClaimError has the claims because of which a run is refused. It is ErrClaimed.
type ClaimError struct {
	// Service and Environment are those of the run.
	Service, Environment string
	// Claims are those of other services and environments, at least one.
	Claims []Claim
}

func (e *ClaimError) Error() string {
	var owned, removals []string
	for _, c := range e.Claims {
		owned = append(owned, fmt.Sprintf("target group %s belongs to %s/%s, claimed on %s by %s",
			c.TargetGroup, c.Service, c.Environment, c.At.UTC().Format(time.DateOnly), c.Holder))
		removals = append(removals, removalOf(c.Object))
	}
	return fmt.Sprintf("%s: to hand over to %s/%s, first stop using the target group there, and then delete its claim: %s",
		strings.Join(owned, ", "), e.Service, e.Environment, strings.Join(removals, " and "))
}

func (e *ClaimError) Unwrap() error { return ErrClaimed }

// removalOf returns the command that deletes an object in S3, or the object's name if it is in another store.
func removalOf(object string) string {
	if strings.HasPrefix(object, "s3://") {
		return "`aws s3 rm " + object + "`"
	}
	return object
}

// LostError explains how a lease was lost. It is ErrLost.
type LostError struct {
	Environment string
	// By holds the lease now; nil if nobody does, or if that is not known.
	By *Holder
	// Reason is a part of the message.
	Reason string
	// Err is the store's last error if that was the reason.
	Err error
}

func (e *LostError) Error() string {
	text := fmt.Sprintf("the lease of %s is lost: %s", e.Environment, e.Reason)
	if e.By != nil {
		text += " " + e.By.String()
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + ": nothing more is done by this run"
}

func (e *LostError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrLost}
	}
	return []error{ErrLost, e.Err}
}

// FormatError is returned if an object cannot be understood, because it is of another version, cut off, or changed by hand.
// It is not changed.
type FormatError struct {
	// Object is its full name: s3://bucket/prefix/dev/current.
	Object string
	Reason error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("read %s: %v: it was left as it is", e.Object, e.Reason)
}

func (e *FormatError) Unwrap() error { return e.Reason }
