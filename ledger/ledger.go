package ledger

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Options changes the ledger's timing. The zero value is the product's.
type Options struct {
	// Lease is how long a lease lasts after it was last written, in whole
	// seconds of the store's clock; 0 means 60 s. It must be longer than any act
	// of a run, so that the last one is over when the next run begins.
	Lease time.Duration
	// Renew is how long after the last write a living run renews its lease; 0
	// means a third of Lease.
	Renew time.Duration
	// Patience bounds one read or write with everything that is tried again;
	// 0 means two thirds of Lease.
	Patience time.Duration
	// Attempt bounds one attempt, and how old the store's answer may be for
	// Record to rely on it; 0 means a twelfth of Lease. Together with the longest
	// act it must not exceed Lease: 5 s + 55 s.
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

// Ledger is the ledger of one environment. Its methods may be called concurrently.
type Ledger struct {
	store       Store
	environment string
	options     Options
}

// Open returns the ledger of an environment. It asks the store nothing yet.
func Open(store Store, environment string, o Options) (*Ledger, error) {
	if err := checkName("environment", environment); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("open ledger of %s: %w", environment, err)
	}
	return &Ledger{store: store, environment: environment, options: o}, nil
}

// Environment is the environment's name.
func (l *Ledger) Environment() string { return l.environment }

func (l *Ledger) current() string { return l.environment + "/current" }

func (l *Ledger) history() string { return l.environment + "/history/" }

// name is an object's full name, for people.
func (l *Ledger) name(key string) string {
	return strings.TrimSuffix(l.store.String(), "/") + "/" + key
}
