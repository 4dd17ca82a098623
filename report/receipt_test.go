package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

func TestReceipt(t *testing.T) {
	traffic := &probe.Receipt{Requests: 9120, LongestGap: 11 * time.Millisecond}
	refused := document(rollout.Refused, ended("i-0a", rollout.Pending, ""))
	refused.Error = "gate drift: 2 resources differ"
	doubtful := document(rollout.Interrupted, ended("i-0b", rollout.Restored, "deregister: no answer"))
	doubtful.InDoubt = true
	initial := ended("i-0b", rollout.Restored, "drain: interrupt")
	initial.NotHealthy = "initial (Elb.InitialHealthChecking)"
	joined := document(rollout.Deployed, updated("i-0a"))
	joined.Newcomers = []string{"i-0b", "i-0c\n"}
	waiting := document(rollout.Orphaned)
	waiting.Error = "broken off: interrupt signal received"
	tests := []struct {
		name    string
		d       Document
		traffic *probe.Receipt
		want    string
	}{
		{"deployed", document(rollout.Deployed, updated("i-0a"), updated("i-0b"), updated("i-0c")), traffic,
			"deployed 3/3 in 41s · 9120 requests · 0 failed · longest gap 11ms"},
		{"deployed, others joined", joined, traffic,
			"deployed 1/1 in 41s\ntraffic: 9120 requests · 0 failed · longest gap 11ms\nnot rolled: i-0b, i-0c: they may run other code"},
		{"deployed without a probe", document(rollout.Deployed, updated("i-0a")), nil,
			"deployed 1/1 in 41s"},
		{"deployed, one had it", document(rollout.Deployed, updated("i-0a"), ended("i-0b", rollout.Unchanged, "")), nil,
			"deployed 2/2 in 41s (1 ran it already)"},
		{"deployed, requests failed", document(rollout.Deployed, updated("i-0a")),
			&probe.Receipt{Requests: 10, Failed: 3, ByError: map[string]int64{"timeout": 1, "reset": 2}, LongestGap: 1200 * time.Millisecond},
			"deployed 1/1 in 41s · 10 requests · 3 failed (2 reset, 1 timeout) · longest gap 1.2s"},
		{"unchanged", document(rollout.UnchangedRun, ended("i-0a", rollout.Unchanged, "")), nil,
			"unchanged: 1/1 run v2 (abababababab) already"},
		{"skipped", document(rollout.Skipped), nil,
			"skipped: v2 (abababababab) is older than what dev runs"},
		{"refused", refused, nil,
			"refused: gate drift: 2 resources differ; no target was deregistered and no container changed\n" +
				"next: mend that and run the same command again"},
		{"rolled back", document(rollout.RolledBack,
			ended("i-0a", rollout.Restored, "prove: exited with 2: \x1b[31mpanic"), ended("i-0b", rollout.Pending, "")), traffic,
			"rolled back: v2 (abababababab) failed on i-0a (prove: exited with 2: panic); every instance runs what it ran before\n" +
				"traffic: 9120 requests · 0 failed · longest gap 11ms\n" +
				"next: mend what failed: a release gets a tag of its own; if a setting of its container was wrong, deploy the same tag again"},
		{"mixed", document(rollout.Mixed, updated("i-0a"), ended("i-0b", rollout.Restored, "join: not healthy after 5m0s")), nil,
			"mixed: 1/2 run v2 (abababababab) (i-0a), the others what they ran before; it failed on i-0b (join: not healthy after 5m0s)\n" +
				"next: deploy this release again to finish, or the one before to go back; instances that run it already are left alone"},
		{"orphaned", document(rollout.Orphaned, updated("i-0a"), ended("i-0b", rollout.OutOfService, "prove: died; undo stop: no such container")), nil,
			"out of service: i-0b (prove: died; undo stop: no such container); 1/2 run v2 (abababababab)\n" +
				"next: look at i-0b: its containers and its target health; the next deploy takes it up first"},
		{"broken off before it healed", waiting, nil,
			"not healed: broken off: interrupt signal received\n" +
				"next: `mage deploy:heal dev` puts back what the run before left out of service; `mage deploy:status dev` names it"},
		{"interrupted", document(rollout.Interrupted, updated("i-0a"), ended("i-0b", rollout.Restored, "drain: interrupt")), nil,
			"interrupted after 41s: 1/2 run v2 (abababababab), the others what they ran before; the fleet is in service\n" +
				"next: run the same command again to finish; instances that run the release are left alone"},
		{"interrupted in doubt", doubtful, nil,
			"interrupted after 41s: 0/1 run v2 (abababababab), the others what they ran before; the fleet is in service\n" +
				"next: `mage deploy:heal dev`, or the next deploy, finishes what the run could not wait for"},
		{"interrupted, not healthy yet", document(rollout.Interrupted, updated("i-0a"), initial), nil,
			"interrupted after 41s: 1/2 run v2 (abababababab), the others what they ran before; registered, not yet healthy: i-0b (initial (Elb.InitialHealthChecking))\n" +
				"next: run the same command again to finish; instances that run the release are left alone"},
		{"mixed, one not healthy", document(rollout.Mixed, updated("i-0a"), initial), nil,
			"mixed: 1/2 run v2 (abababababab) (i-0a), the others what they ran before; it failed on i-0b (drain: interrupt)\n" +
				"not healthy: i-0b (initial (Elb.InitialHealthChecking))\n" +
				"next: deploy this release again to finish, or the one before to go back; instances that run it already are left alone"},
		{"nothing", Document{}, nil, `ended as "": no reason given`},
		{"rolled back without a reason", document(rollout.RolledBack), nil,
			"rolled back: v2 (abababababab) failed: no reason given; every instance runs what it ran before\n" +
				"next: mend what failed: a release gets a tag of its own; if a setting of its container was wrong, deploy the same tag again"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.d.Traffic = test.traffic
			assert.Equal(t, test.want, Receipt(test.d))
		})
	}
}

func TestReceiptOfALargeFleetStaysShort(t *testing.T) {
	var instances []rollout.InstanceResult
	for n := range 100 {
		instances = append(instances, ended(fmt.Sprintf("i-%d", n), rollout.OutOfService, string(make([]byte, 100_000))+"x"))
	}
	text := Receipt(document(rollout.Orphaned, instances...))
	assert.Less(t, len(text), 4000)
	assert.Contains(t, text, "and 95 more")
}
