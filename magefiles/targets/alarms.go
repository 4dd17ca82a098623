package targets

import (
	"slices"
	"strings"

	"github.com/growl-dev/deploy/alarm"
	"github.com/growl-dev/deploy/rollout"
)

// judge sets what refuses a deploy and a resume, but no rollback and no heal.
func (w *world) judge(s settings) error {
	w.refuseUnknown = !s.AllowUnknownTargets
	if s.AllowUnknownTargets {
		w.skipped = append(w.skipped, "-allowUnknownTargets: targets that are not in the fleet may be registered")
	}
	return w.watchAlarms(s)
}

// watchAlarms has a deploy ask the environment's alarms, and those that were
// asked for by name, before it begins and while each batch bakes. A rollback asks
// none: it is what one does when they ring. An alarm that is named for both counts as one that refuses.
func (w *world) watchAlarms(s settings) error {
	if s.SkipAlarms {
		w.skipped = append(w.skipped, "-skipAlarms: no CloudWatch alarm can refuse or halt the run")
		return nil
	}
	asked := slices.Concat(w.fleet.Alarms, split(s.Alarms))
	health := slices.DeleteFunc(slices.Clone(w.fleet.HealthAlarms), func(name string) bool { return slices.Contains(asked, name) })
	if len(asked) > 0 {
		alarms, err := alarm.NewFromConfig(w.aws, asked, alarm.Options{})
		if err != nil {
			return usage("%v", err)
		}
		w.watch(alarms)
	}
	if len(health) > 0 {
		alarms, err := alarm.NewFromConfig(w.aws, health, alarm.Options{})
		if err != nil {
			return usage("%v", err)
		}
		w.watch(alarm.NewHealth(alarms))
	}
	return nil
}

// watch has a deploy ask a gate before it begins and while each batch bakes.
func (w *world) watch(gate rollout.Gate) {
	w.gates, w.watches = append(w.gates, gate), append(w.watches, gate)
}

// split reads NAME,NAME; nothing is no name.
func split(names string) []string {
	if names == "" {
		return nil
	}
	var all []string
	for name := range strings.SplitSeq(names, ",") {
		all = append(all, strings.TrimSpace(name))
	}
	return all
}
