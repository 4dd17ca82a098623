package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// Document is the report of a run as JSON.
type Document struct {
	rollout.Result
	// Traffic is there when a probe ran through the load balancer meanwhile.
	Traffic *Traffic `json:"traffic,omitempty"`
}

// Traffic is what a probe saw. Its fields are those of probe.Receipt, in their
// order: one converts to the other.
type Traffic struct {
	// Requests is how many were answered or failed.
	Requests int64
	// Failed is how many of them failed.
	Failed int64
	// ByError says how many failed for which reason.
	ByError map[string]int64
	// LongestGap is the longest time between two consecutive good answers.
	LongestGap time.Duration
	// Answers says how many good answers named which commit.
	Answers map[string]int64
}

// trafficJSON is traffic as JSON: the gap in whole milliseconds, rounded.
type trafficJSON struct {
	Requests     int64            `json:"requests"`
	Failed       int64            `json:"failed"`
	ByError      map[string]int64 `json:"by_error"`
	LongestGapMS int64            `json:"longest_gap_ms"`
	Answers      map[string]int64 `json:"answers,omitempty"`
}

// MarshalJSON writes requests, failed, by_error, longest_gap_ms and answers.
func (t Traffic) MarshalJSON() ([]byte, error) {
	if t.ByError == nil {
		t.ByError = map[string]int64{}
	}
	gap := t.LongestGap.Round(time.Millisecond).Milliseconds()
	return json.Marshal(trafficJSON{t.Requests, t.Failed, t.ByError, gap, t.Answers})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Traffic) UnmarshalJSON(text []byte) error {
	var j trafficJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("read traffic: %w", err)
	}
	gap := time.Duration(j.LongestGapMS) * time.Millisecond
	*t = Traffic{j.Requests, j.Failed, j.ByError, gap, j.Answers}
	return nil
}

// String is one line: "9120 requests · 0 failed · longest gap 11ms".
func (t Traffic) String() string {
	failed := fmt.Sprintf("%d failed", t.Failed)
	if t.Failed > 0 && len(t.ByError) > 0 {
		names := slices.SortedFunc(maps.Keys(t.ByError), func(a, b string) int {
			return cmp.Or(cmp.Compare(t.ByError[b], t.ByError[a]), strings.Compare(a, b))
		})
		for i, name := range names {
			names[i] = fmt.Sprintf("%d %s", t.ByError[name], clean(name))
		}
		failed += " (" + strings.Join(names, ", ") + ")"
	}
	return fmt.Sprintf("%d requests · %s · longest gap %s", t.Requests, failed, t.LongestGap.Round(time.Millisecond))
}

// MarshalJSON writes the document without anything that could drive the
// terminal of who reads it, and with empty lists as [].
func (d Document) MarshalJSON() ([]byte, error) {
	type bare Document // without this method
	return json.Marshal(bare(d.cleaned()))
}

// cleaned is a copy of d whose texts are harmless.
func (d Document) cleaned() Document {
	d.Error = clean(d.Error)
	d.Remarks = slices.Clone(d.Remarks)
	for i, remark := range d.Remarks {
		d.Remarks[i] = clean(remark)
	}
	d.Instances = append([]rollout.InstanceResult{}, d.Instances...)
	for i := range d.Instances {
		instance := &d.Instances[i]
		instance.Error = clean(instance.Error)
		instance.Steps = append([]rollout.StepResult{}, instance.Steps...)
		for s := range instance.Steps {
			step := &instance.Steps[s]
			step.Detail, step.Error = clean(step.Detail), clean(step.Error)
		}
	}
	return d
}
