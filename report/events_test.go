package report

import (
	"errors"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

var (
	began   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	digest  = "sha256:" + strings.Repeat("ab", 32)
	release = rollout.Release{Image: "registry.example/growl@" + digest, Tag: "v2", Commit: "abc123"}
	fleet   = []rollout.Instance{
		{ID: "i-0a", Name: "web-1", Zone: "us-west-1a"},
		{ID: "i-0b", Name: "web-2", Zone: "us-west-1b"},
		{ID: "i-0c", Zone: "us-west-1a"},
	}
)

func event(seconds float64, instance string, step rollout.StepName, kind rollout.EventKind, detail string) rollout.Event {
	at := began.Add(time.Duration(seconds * float64(time.Second)))
	return rollout.Event{Time: at, Instance: instance, Step: step, Kind: kind, Detail: detail}
}

func pulled(seconds float64, instance string, done, total int64) rollout.Event {
	e := event(seconds, instance, rollout.StepPrepare, rollout.StepMoved, "")
	e.Progress = &rollout.Progress{Done: done, Total: total}
	return e
}

func failed(seconds float64, instance string, step rollout.StepName, kind rollout.EventKind, why string) rollout.Event {
	e := event(seconds, instance, step, kind, "")
	e.Err = errors.New(why)
	return e
}

func forecast(seconds float64, left time.Duration, detail string) rollout.Event {
	e := event(seconds, "", "", rollout.Forecast, detail)
	e.Left = left
	return e
}

// story is a run in which web-1 is updated, web-2 fails and goes back, and
// i-0c waits.
func story() []rollout.Event {
	const mb = 1_000_000
	return []rollout.Event{
		forecast(0, 9*time.Minute, "about 9m to go"),
		event(0, "i-0a", rollout.StepPrepare, rollout.StepBegun, ""),
		event(0.1, "i-0b", rollout.StepPrepare, rollout.StepBegun, ""),
		pulled(0.2, "i-0a", 1*mb, 120*mb),
		pulled(2, "i-0a", 60*mb, 120*mb),
		pulled(7, "i-0a", 66*mb, 120*mb),
		pulled(8, "i-0a", 118*mb, 120*mb),
		event(9, "i-0a", rollout.StepPrepare, rollout.StepDone, "200 connections/s before"),
		event(9.5, "", "", rollout.StepMoved, "waiting for capacity: 1 of 3 healthy"),
		event(9.6, "", "", rollout.StepMoved, "waiting for capacity: 1 of 3 healthy"),
		event(10, "i-0a", rollout.StepDeregister, rollout.StepBegun, ""),
		event(10.2, "i-0a", rollout.StepDeregister, rollout.StepDone, "left 1 target group"),
		event(10.3, "i-0a", rollout.StepDrain, rollout.StepBegun, ""),
		event(12, "i-0a", rollout.StepDrain, rollout.StepMoved, "last new connection after 1s, 3 connections open"),
		event(14, "i-0a", rollout.StepDrain, rollout.StepMoved, "last new connection after 2s, 2 connections open"),
		event(23, "i-0a", rollout.StepDrain, rollout.StepMoved, "last new connection after 2s, 1 connections open"),
		event(71.4, "i-0a", rollout.StepDrain, rollout.StepDone, "quiet after 61s, 0 connections cut"),
		event(72, "i-0a", rollout.StepJoin, rollout.StepMoved, "initial (Elb.RegistrationInProgress)"),
		event(120, "i-0a", rollout.StepJoin, rollout.StepDone, "healthy after 48s"),
		event(121, "i-0a", "", rollout.InstanceEnded, "updated"),
		forecast(121, 4*time.Minute, "about 4m to go"),
		forecast(130, 0, ""),
		failed(130, "i-0b", rollout.StepProve, rollout.StepFailed, "exited with 2:\n\x1b[31mpanic\x1b[0m: no\tconfiguration"),
		event(130.1, "i-0b", rollout.StepStop, rollout.UndoBegun, ""),
		event(132, "i-0b", rollout.StepStop, rollout.UndoDone, "v1 (cdcdcdcdcdcd) runs again"),
		event(133, "i-0b", rollout.StepDrain, rollout.Remarked, "telling the service that it is back failed"),
		event(140, "i-0b", "", rollout.InstanceEnded, "restored"),
	}
}
