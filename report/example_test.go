package report_test

import (
	"fmt"
	"os"
	"time"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

func Example() {
	show := report.New(os.Stdout, report.Options{
		Instances: []rollout.Instance{{ID: "i-0a", Name: "web-1"}},
		Getenv:    func(string) string { return "" }, // no TERM: plain lines
	})

	// The engine calls this for every event of a run.
	show.Observe(rollout.Event{Instance: "i-0a", Step: rollout.StepDrain, Kind: rollout.StepDone, Detail: "quiet after 61s"})

	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	show.Finish(report.Document{
		Result: rollout.Result{
			Outcome: rollout.Deployed, Started: began, Finished: began.Add(41 * time.Second),
			Instances: []rollout.InstanceResult{{ID: "i-0a", Outcome: rollout.Updated}},
		},
		Traffic: &probe.Receipt{Requests: 9120, LongestGap: 11 * time.Millisecond},
	})
	// Output:
	//     0.0s  web-1  drain       done: quiet after 61s
	// deployed 1/1 in 41s · 9120 requests · 0 failed · longest gap 11ms
}

func ExampleReceipt() {
	fmt.Println(report.Receipt(report.Document{Result: rollout.Result{
		Outcome: rollout.Refused, Error: "gate drift: 2 resources differ",
	}}))
	// Output:
	// refused: gate drift: 2 resources differ; no target was deregistered and no container changed
	// next: mend that and run the same command again
}
