package deploy

import (
	"context"

	"github.com/growl-dev/deploy/ledger"
)

// History returns the last n runs of the environment, the latest first. It connects to no instance.
func (o *Operator) History(ctx context.Context, n int) ([]ledger.Record, error) {
	if n < 1 {
		return nil, usage("-runs=%d: want at least 1", n)
	}
	l, err := o.openLedger(o.name)
	if err != nil {
		return nil, err
	}
	return l.History(ctx, n)
}

// Unlock releases the lease of a run that was killed. It releases the lease of a running one only if its ID is given.
// [Operator.Heal] puts back the instances that the run left out of service.
func (o *Operator) Unlock(ctx context.Context, runID string) error {
	l, err := o.openLedger(o.name)
	if err != nil {
		return err
	}
	return l.Unlock(ctx, runID)
}
