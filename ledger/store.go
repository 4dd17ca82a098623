package ledger

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Store is an object store with conditional writes and a clock. Its methods may
// be called concurrently and by many processes. A single call makes one attempt;
// trying again is the ledger's part. Errors wrap one of the Err… sentinels below
// where one fits.
type Store interface {
	// Get returns the object, or ErrNotFound. ErrHidden means that the store does not tell which of ErrNotFound and
	// ErrDenied it is; both come with the time in Object.Now.
	Get(ctx context.Context, key string) (Object, error)
	// Put writes the object if its version still is the given one, Absent
	// meaning that there must be none, else answers ErrConflict. It may answer
	// ErrConflict, or any other error, for a write that was applied.
	Put(ctx context.Context, key string, data []byte, version Version) (Stamp, error)
	// List names the objects whose keys begin with prefix, in no order.
	List(ctx context.Context, prefix string) ([]Info, error)
	// String names the store for people: s3://bucket/prefix.
	String() string
}

// Version names one content of one object: an ETag, for example.
type Version string

// Absent is the version of an object that does not exist.
const Absent Version = ""

// Object is what a store answers for a key.
type Object struct {
	Data    []byte
	Version Version
	// Modified is when the object was written, Now when the store answered;
	// both by the store's clock.
	Modified, Now time.Time
}

// Stamp is what a store answers for a write.
type Stamp struct {
	Version Version
	// Now is when the object was written, by the store's clock.
	Now time.Time
}

// Info is one object in a list.
type Info struct {
	Key string
	// Modified is when it was written, by the store's clock.
	Modified time.Time
}

// What can be wrong with a call to a store.
var (
	// ErrNotFound: there is no such object.
	ErrNotFound = errors.New("no such object")
	// ErrConflict: the object is not of the version that was to be replaced.
	ErrConflict = errors.New("written by someone else meanwhile")
	// ErrUnavailable: throttled, broken off, or failed on the store's side. The
	// write may be applied, now or later; trying again may help.
	ErrUnavailable = errors.New("the store is not available")
	// ErrDenied: the caller may not do this; trying again does not help.
	ErrDenied = errors.New("the store denies access")
	// ErrHidden: an object was not read, because the caller may not read it, or because there is none and the caller may
	// not know that. Every ErrHidden is an ErrDenied.
	ErrHidden = fmt.Errorf("%w, or hides that there is no such object", ErrDenied)
	// ErrNoStore: the bucket does not exist.
	ErrNoStore = errors.New("the store does not exist")
)

var segment = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// checkName refuses names that are no plain part of a key: they come from
// command lines and must not lead anywhere else.
func checkName(what, name string) error {
	if !segment.MatchString(name) {
		return fmt.Errorf("%s %q: want 1 to 128 letters, digits, dots, dashes and underscores, a letter or digit first", what, name)
	}
	return nil
}
