package deploy

import (
	"context"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// load is the probe of a run and the judge of its receipt. The zero value is a run without a probe.
type load struct {
	probe *probe.Probe
	judge *probe.Judge
}

func startProbe(ctx context.Context, url string) (load, error) {
	if url == "" {
		return load{}, nil
	}
	p, err := probe.Start(context.WithoutCancel(ctx), probe.Options{URL: url})
	if err != nil {
		return load{}, usage("%v", err)
	}
	return load{p, probe.NewJudge(p)}, nil
}

// addTo adds the checks of the receipt, which refuse or halt the run.
func (l load) addTo(c *rollout.Config) {
	if l.probe == nil {
		return
	}
	c.Gates = append(c.Gates, l.judge.Answers())
	c.Guards = append(c.Guards, l.judge.Guard())
	c.Watches = append(c.Watches, l.judge.Watch())
}

// observe begins the receipt of the first batch when an instance is deregistered.
func (l load) observe(e rollout.Event) {
	if l.probe != nil && e.Step == rollout.StepDeregister && e.Kind == rollout.StepBegun {
		l.judge.Begin()
	}
}

// line returns the running receipt, or "" without a probe.
func (l load) line() string {
	if l.probe == nil {
		return ""
	}
	return l.probe.Snapshot().String()
}

// stop ends the probe and returns its receipt for the report.
func (l load) stop() *probe.Receipt {
	if l.probe == nil {
		return nil
	}
	receipt := l.probe.Stop()
	return &receipt
}
