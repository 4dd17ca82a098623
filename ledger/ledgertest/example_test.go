package ledgertest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
)

// A store that denies every write refuses a lease, and says so.
func ExampleMemory() {
	store := &ledgertest.Memory{Fault: func(c ledgertest.Call) ledgertest.Fault {
		if c.Op == "put" {
			return ledgertest.Denied()
		}
		return ledgertest.Fault{}
	}}
	book, err := ledger.Open(store, "app/dev", ledger.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = book.Acquire(context.Background(), ledger.Holder{RunID: "run-1"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, ledger.ErrDenied))
	// Output:
	// take the lease of dev: write memory://app/dev/current: the store denies access: read-only
	// true
}
