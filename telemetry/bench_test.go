package telemetry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/telemetry"
)

// BenchmarkInstance is the cost of one instance in a trace, with its nine steps.
func BenchmarkInstance(b *testing.B) {
	newCollector(b)
	r, err := telemetry.Start(b.Context(), "orders-api", "live")
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		id := fmt.Sprintf("i-%017x", n)
		for _, step := range rollout.Steps() {
			r.Observe(rollout.Event{Time: time.Now(), Instance: id, Step: step, Kind: rollout.StepBegun})
			r.Observe(rollout.Event{Time: time.Now(), Instance: id, Step: step, Kind: rollout.StepDone, Detail: "quiet after 61s, 0 connections cut"})
		}
		r.Observe(rollout.Event{Time: time.Now(), Instance: id, Kind: rollout.InstanceEnded, Detail: "updated"})
	}
}
