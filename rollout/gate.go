package rollout

import "context"

// Gate is asked before anything is touched: drift, alarms, the image itself.
// Its error refuses the run.
type Gate interface {
	// Name is for people: "drift".
	Name() string
	Check(ctx context.Context) error
}
