package targets

import (
	"slices"
	"strings"

	"github.com/growl-dev/deploy/alarm"
)

// watchAlarms has a deploy ask the environment's alarms, and those that were
// asked for by name, before it begins and while each batch bakes. A rollback asks
// none: it is what one does when they ring.
func (w *world) watchAlarms(names string) error {
	asked := slices.Concat(w.fleet.Alarms, split(names))
	if len(asked) == 0 {
		return nil
	}
	alarms, err := alarm.NewFromConfig(w.aws, asked, alarm.Options{})
	if err != nil {
		return usage("%v", err)
	}
	w.gates, w.watches = append(w.gates, alarms), append(w.watches, alarms)
	return nil
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
