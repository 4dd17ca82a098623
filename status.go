package deploy

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/report"
)

// Status is the state of an environment: its lease, and the releases of its instances.
type Status struct {
	// Ledger holds the lease of the environment, and the unfinished runs.
	Ledger ledger.Status
	// Instances are the instances in the fleet's order.
	Instances []report.InstanceStatus
	// Seal is the SHA-256 that the env file on each instance should have. Empty: they are not compared.
	Seal string
	// Remarks are sentences about the fleet as a whole, such as two releases.
	Remarks []string
}

// Status reads the ledger, the target groups and every instance. An instance that cannot be read is not an error. If
// the health of the targets cannot be read, Status returns everything else with the error.
func (o *Operator) Status(ctx context.Context) (Status, error) {
	hosts, err := o.hosts()
	if err != nil {
		return Status{}, err
	}
	l, err := o.openLedger(o.name)
	if err != nil {
		return Status{}, err
	}
	var s Status
	if s.Ledger, err = l.Current(ctx); err != nil {
		return Status{}, err
	}
	if checked, ok := o.environment.Fleet.(fleet.Checked); ok {
		seal, err := checked.Seal(o.name)
		if s.Seal = seal; err != nil {
			s.Remarks = append(s.Remarks, err.Error())
		}
	}
	health, err := o.groups.Health(ctx)
	s.Instances = hosts.Status(ctx, health)
	s.Remarks = slices.Concat(report.Disagreements(s.Instances), o.fleet.Unknown(health), s.Remarks, hosts.Remarks)
	return s, err
}

// Print writes the status for people: the lease of the environment, and a plain table of the instances, the same in a
// terminal and in a log. Foreign text is cleaned.
func (s Status) Print(out io.Writer) error {
	w := report.NewWriter(out)
	fmt.Fprint(w, s.Ledger)
	if err := report.Instances(w, s.Instances, s.Seal); err != nil {
		return err
	}
	for _, remark := range s.Remarks {
		fmt.Fprintln(w, report.Clean(remark))
	}
	return w.Flush()
}

// History returns the last n runs of the environment, the latest first. It connects to no instance.
func (o *Operator) History(ctx context.Context, n int) ([]ledger.Record, error) {
	if n < 1 {
		return nil, usage("-runs=%d: want at least 1", n)
	}
	l, err := o.openLedger(o.name)
	if err != nil {
		return nil, err
	}
	return l.History(ctx, n)
}

// Unlock releases the lease of a run that was killed. It releases the lease of a running one only if its ID is given.
// [Operator.Heal] puts back the instances that the run left out of service.
func (o *Operator) Unlock(ctx context.Context, runID string) error {
	l, err := o.openLedger(o.name)
	if err != nil {
		return err
	}
	return l.Unlock(ctx, runID)
}
