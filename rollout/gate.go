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

// Remarker is a Gate that also finds things worth knowing that refuse nothing, such as an alarm that is not judged.
type Remarker interface {
	Gate
	// Remarks returns, after Check, one sentence for each. A run reports each sentence once.
	Remarks() []string
}

// ask asks every gate at once and answers all that refuse.
func (r *run) ask(ctx context.Context, gates []Gate, kind string) error {
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
			r.remarkAll(remarker.Remarks())
		}
	}
	return errors.Join(errs...)
}

// remarkAll puts sentences of a gate into the report, and shows those that are new.
func (r *run) remarkAll(texts []string) {
	for _, text := range texts {
		if r.remark(text) {
			r.emit(Event{Kind: Remarked, Detail: text})
		}
	}
}
