package report

import (
	"encoding/json"
	"slices"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// Document is the report of a run as JSON.
type Document struct {
	rollout.Result
	// Traffic is set if a probe ran through the load balancer meanwhile.
	Traffic *probe.Receipt `json:"traffic,omitempty"`
}

// MarshalJSON writes the document without anything that could control a reader's terminal, and with empty lists as [].
func (d Document) MarshalJSON() ([]byte, error) {
	type bare Document // without this method
	return json.Marshal(bare(d.cleaned()))
}

// cleaned returns a copy of d whose texts are harmless.
func (d Document) cleaned() Document {
	d.Error = Clean(d.Error)
	d.Remarks = slices.Clone(d.Remarks)
	for i, remark := range d.Remarks {
		d.Remarks[i] = Clean(remark)
	}
	d.Newcomers = slices.Clone(d.Newcomers)
	for i, id := range d.Newcomers {
		d.Newcomers[i] = Clean(id)
	}
	d.Instances = append([]rollout.InstanceResult{}, d.Instances...)
	for i := range d.Instances {
		instance := &d.Instances[i]
		instance.Error, instance.NotHealthy = Clean(instance.Error), Clean(instance.NotHealthy)
		instance.Log = slices.Clone(instance.Log)
		for n, line := range instance.Log {
			instance.Log[n] = Clean(line)
		}
		instance.Steps = append([]rollout.StepResult{}, instance.Steps...)
		for s := range instance.Steps {
			step := &instance.Steps[s]
			step.Detail, step.Error = Clean(step.Detail), Clean(step.Error)
		}
	}
	return d
}
