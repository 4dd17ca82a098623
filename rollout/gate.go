package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Gate is asked before anything is touched: drift, alarms, the image itself.
// Its error refuses the run.
type Gate interface {
	// Name is for people: "drift".
	Name() string
	Check(ctx context.Context) error
}

// ask asks every gate at once and answers all that refuse.
func ask(ctx context.Context, gates []Gate, kind string) error {
	errs := make([]error, len(gates))
	var wg sync.WaitGroup
	for i, gate := range gates {
		wg.Go(func() {
			if err := gate.Check(ctx); err != nil {
				errs[i] = fmt.Errorf("%s %s: %w", kind, gate.Name(), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
