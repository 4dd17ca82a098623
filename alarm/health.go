package alarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/growl-dev/deploy/rollout"
)

var _ rollout.Remarker = (*Health)(nil)

// Health checks alarms on the health of the fleet itself. An alarm that is already in alarm when a run begins does not
// refuse the run, because the deploy may be what repairs the host. Only an alarm that goes into alarm during the run
// halts it. A Health is a gate and a watch of one run: the first Check marks the beginning of the run. Its methods may
// be called concurrently.
type Health struct {
	alarms *Alarms

	mu    sync.Mutex
	begun bool
	// old are the alarms that have been in alarm since before the run.
	old     map[string]bool
	remarks []string
}

// NewHealth returns a Health of these alarms for one run.
func NewHealth(alarms *Alarms) *Health {
	return &Health{alarms: alarms, old: map[string]bool{}}
}

// Name returns the name of the gate.
func (*Health) Name() string { return "health alarms" }

// Check returns an error for each alarm that went into alarm after the first Check, or that does not exist. An alarm
// that was in alarm at the first Check is ignored until it has been OK once.
func (h *Health) Check(ctx context.Context) error {
	states, err := h.alarms.states(ctx)
	if err != nil {
		return h.alarms.undescribed(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var faults []string
	for _, name := range h.alarms.names {
		found, there := states[name]
		switch {
		case there && found.state == types.StateValueAlarm && !h.begun:
			h.old[name] = true
			h.remarks = append(h.remarks, fmt.Sprintf("alarm %s was in alarm before the run%s: it halts the run only after it was OK again", name, found.why()))
		case there && found.state == types.StateValueOk:
			delete(h.old, name)
		case !h.old[name]:
			faults = append(faults, h.alarms.fault(name, found, there)...)
		}
	}
	h.begun = true
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}

// Remarks returns a sentence for each alarm that was in alarm before the run.
func (h *Health) Remarks() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.remarks)
}
