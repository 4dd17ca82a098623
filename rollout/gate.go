package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Gate checks something before anything is touched, such as drift, alarms or the image.
// Its error refuses the run.
type Gate interface {
	// Name returns the name for people, such as "drift".
	Name() string
	Check(ctx context.Context) error
}

// Remarker is a Gate that also finds things worth knowing that refuse nothing, such as an alarm that is not judged.
type Remarker interface {
	Gate
	// Remarks returns, after Check, one sentence for each. A run reports each sentence once.
	Remarks() []string
}

// checkGates runs every gate at once and returns the errors of all that refuse. kind names them in the errors.
func checkGates(ctx context.Context, gates []Gate, kind string, report *reporter) error {
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
	for _, gate := range gates {
		if remarker, ok := gate.(Remarker); ok {
			report.announce(remarker.Remarks())
		}
	}
	return errors.Join(errs...)
}
