package ledger

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

var (
	// ErrLost: the lease is not this run's any more. Whatever the run is about
	// to do must not happen; see [LostError].
	ErrLost = rollout.ErrLost
	// ErrReleased: the lease was given back by Finish or Release.
	ErrReleased = errors.New("the lease was given back")
)

// HeldError refuses a lease that someone else holds.
type HeldError struct {
	Environment string
	// Lease is the one that stands in the way.
	Lease Held
	// Now is the store's time when it was looked at.
	Now time.Time
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by %s: wait for that run to end (its lease ends %s, in %s, unless it is renewed)",
		e.Environment, e.Lease.Holder, e.Lease.Ends.UTC().Format(time.RFC3339), e.Lease.Ends.Sub(e.Now).Round(time.Second))
}

// MoveError refuses to move a ledger from its key of before ([Options.Before]), because a program that knows no other
// key holds its lease or left a run unfinished there. It is a *[HeldError] if it holds the lease.
type MoveError struct {
	// Status is what is there. Status.Before names the object.
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

// ErrClaimed refuses target groups that belong to another service or environment; see [ClaimError].
var ErrClaimed = errors.New("the target group belongs to another service or environment")

// ClaimError names the claims that refuse a run. It is ErrClaimed.
type ClaimError struct {
	// Service and Environment are those of the run.
	Service, Environment string
	// Claims are what stands in the way, at least one.
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

// removalOf is the command that deletes an object in S3, and the name of any other.
func removalOf(object string) string {
	if strings.HasPrefix(object, "s3://") {
		return "`aws s3 rm " + object + "`"
	}
	return object
}

// LostError says how a lease was lost. It is ErrLost.
type LostError struct {
	Environment string
	// By is who holds the lease now; nil when nobody does or it is not known.
	By *Holder
	// Reason says what was seen.
	Reason string
	// Err is the store's last error where that was the reason.
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

// FormatError refuses an object that this program did not write, or not in
// this form: of another version, cut off, or changed by hand. It is left as it is.
type FormatError struct {
	// Object names it: s3://bucket/prefix/dev/current.
	Object string
	Reason error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("read %s: %v: it was left as it is", e.Object, e.Reason)
}

func (e *FormatError) Unwrap() error { return e.Reason }
