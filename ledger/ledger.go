package ledger

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Options has a ledger's timing and its key of before. With the zero value the timing is the product's.
type Options struct {
	// Before is the key that programs used for this service and environment before keys were SERVICE/ENV, such as "dev". The
	// first Acquire moves the ledger from there, and the history there is read as well. Empty: there was none. Only the
	// service that used it may name it, because after the move no other program can use it.
	Before string
	// Lease is the time after its last write at which a lease ends, in whole seconds of the store's clock; 0 means 60 s. It
	// must be longer than any act of a run, so that the last one has been sent when the next run begins.
	Lease time.Duration
	// Renew is the time after the last write at which the lease is renewed; 0 means a third of Lease.
	Renew time.Duration
	// Patience bounds one read or write with all its attempts; 0 means two thirds of Lease.
	Patience time.Duration
	// Attempt bounds one attempt; 0 means a twelfth of Lease.
	Attempt time.Duration
}

func (o Options) withDefaults() Options {
	if o.Lease == 0 {
		o.Lease = 60 * time.Second
	}
	if o.Renew == 0 {
		o.Renew = o.Lease / 3
	}
	if o.Patience == 0 {
		o.Patience = o.Lease * 2 / 3
	}
	if o.Attempt == 0 {
		o.Attempt = o.Lease / 12
	}
	return o
}

func (o Options) validate() error {
	var faults []error
	if o.Before != "" {
		if err := checkName("key of before", o.Before); err != nil {
			faults = append(faults, err)
		}
	}
	if o.Lease < time.Second || o.Lease > maxLease*time.Second || o.Lease%time.Second != 0 {
		faults = append(faults, fmt.Errorf("lease %s must be whole seconds, 1s to %s", o.Lease, maxLease*time.Second))
	}
	for _, limit := range []struct {
		name  string
		value time.Duration
	}{{"renew", o.Renew}, {"patience", o.Patience}, {"attempt", o.Attempt}} {
		if limit.value <= 0 || limit.value >= o.Lease {
			faults = append(faults, fmt.Errorf("%s %s must be above 0 and below the lease, %s", limit.name, limit.value, o.Lease))
		}
	}
	return errors.Join(faults...)
}

// Ledger is the ledger of one service in one environment. Its methods may be called concurrently.
type Ledger struct {
	book
	// before has the objects at Options.Before; nil if there is none. Only the marker of the move is written there.
	before *book
}

// book has the objects of one key in a store: the document with lease and journal, and the records of finished runs.
type book struct {
	store   Store
	key     key
	options Options
}

// Open returns the ledger with the name SERVICE/ENV, its key. Each part is 1 to 128 letters, digits, dots, dashes and
// underscores. It makes no call to the store.
func Open(store Store, name string, o Options) (*Ledger, error) {
	k, err := parseKey(name)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("open ledger of %s: %w", k, err)
	}
	l := &Ledger{book: book{store: store, key: k, options: o}}
	if o.Before != "" {
		l.before = &book{store: store, key: key{environment: o.Before}, options: o}
	}
	return l, nil
}

// Service returns the service's name.
func (l *Ledger) Service() string { return l.key.service }

// Environment returns the environment's name.
func (l *Ledger) Environment() string { return l.key.environment }

// name returns an object's full name, for people.
func (b *book) name(key string) string {
	return strings.TrimSuffix(b.store.String(), "/") + "/" + key
}
