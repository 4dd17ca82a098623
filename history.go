package deploy

import (
	"context"

	"github.com/growl-dev/deploy/ledger"
)

// History returns the last n runs of the environment, the latest first. It dials no instance.
func (o *Operator) History(ctx context.Context, n int) ([]ledger.Record, error) {
	if n < 1 {
		return nil, usage("-runs=%d: want at least 1", n)
	}
	books, err := o.books(o.name)
	if err != nil {
		return nil, err
	}
	return books.History(ctx, n)
}

// Unlock takes the lease from a run that died; from a living one only if its ID is given. What was left in flight is put
// back by [Operator.Heal].
func (o *Operator) Unlock(ctx context.Context, runID string) error {
	books, err := o.books(o.name)
	if err != nil {
		return err
	}
	return books.Unlock(ctx, runID)
}
