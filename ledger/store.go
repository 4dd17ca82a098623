package ledger

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Store is an object store with conditional writes and a clock. Its methods may be called concurrently and by many
// processes. A call makes one attempt, because the ledger makes further ones. Errors wrap one of the Err… sentinels below if
// one fits.
type Store interface {
	// Get returns the object, or ErrNotFound. It returns ErrHidden if the store does not show whether it is ErrNotFound or
	// ErrDenied. With both errors Object.Now is set.
	Get(ctx context.Context, key string) (Object, error)
	// Put writes the object if its version is the given one, or if there is none and the version is Absent. Otherwise it
	// returns ErrConflict. It may return ErrConflict, or any other error, for a write that was applied.
	Put(ctx context.Context, key string, data []byte, version Version) (Stamp, error)
	// List returns the objects whose keys begin with prefix, in no order.
	List(ctx context.Context, prefix string) ([]Info, error)
	// String returns the store's name for people: s3://bucket/prefix.
	String() string
}

// Version identifies one content of one object, as an ETag does.
type Version string

// Absent is the version of an object that does not exist.
const Absent Version = ""

// Object is the result of [Store.Get].
type Object struct {
	Data    []byte
	Version Version
	// Modified is the time of the last write, and Now that of the response, both by the store's clock.
	Modified, Now time.Time
}

// Stamp is the result of [Store.Put].
type Stamp struct {
	Version Version
	// Now is the time of the write, by the store's clock.
	Now time.Time
}

// Info is one object in a list.
type Info struct {
	Key string
	// Modified is the time of the last write, by the store's clock.
	Modified time.Time
}

// The kinds of errors of a call to a store.
var (
	// ErrNotFound is returned if there is no such object.
	ErrNotFound = errors.New("no such object")
	// ErrConflict is returned if the object is not of the version that was to be replaced.
	ErrConflict = errors.New("written by someone else meanwhile")
	// ErrUnavailable is returned if the call was throttled, broken off, or failed on the store's side. A write may have been
	// applied, or may be later. Another attempt may succeed.
	ErrUnavailable = errors.New("the store is not available")
	// ErrDenied is returned if the caller has no permission.
	ErrDenied = errors.New("the store denies access")
	// ErrHidden is returned if the caller may not read an object, or if there is none and the caller may not know that.
	// Every ErrHidden is an ErrDenied.
	ErrHidden = fmt.Errorf("%w, or hides that there is no such object", ErrDenied)
	// ErrNoStore is returned if the bucket does not exist.
	ErrNoStore = errors.New("the store does not exist")
)

var segment = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// checkName refuses a name that is not one plain part of a key, because names come from command lines and must not lead to
// other objects.
func checkName(what, name string) error {
	if !segment.MatchString(name) {
		return fmt.Errorf("%s %q: want 1 to 128 letters, digits, dots, dashes and underscores, a letter or digit first", what, name)
	}
	return nil
}
