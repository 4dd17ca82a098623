package deploy

import (
	"context"
	"fmt"
	"io"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/report"
)

// Status is who holds an environment, and what its instances run.
type Status struct {
	// Ledger is who holds the environment, and which runs did not finish.
	Ledger ledger.Status
	// Instances are the instances in the fleet's order.
	Instances []report.InstanceStatus
	// Seal is the SHA-256 that the env file on each instance is to have. Empty: there is none to compare with.
	Seal string
	// Remarks name what is odd about the fleet as a whole, such as two releases.
	Remarks []string
}

// Status looks at the ledger, the target groups and every instance. An instance that cannot be looked at is no error;
// where the targets' health cannot be read, Status returns what it saw besides the error.
func (o *Operator) Status(ctx context.Context) (Status, error) {
	hosts, err := o.hosts()
	if err != nil {
		return Status{}, err
	}
	books, err := o.books(o.name)
	if err != nil {
		return Status{}, err
	}
	var s Status
	if s.Ledger, err = books.Current(ctx); err != nil {
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
	s.Remarks = append(report.Disagreements(s.Instances), append(o.fleet.Unknown(health), s.Remarks...)...)
	return s, err
}

// Print writes the status for people: who holds the environment, and a plain table of the instances, the same in a
// terminal and in a log. Text from elsewhere is cleaned.
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
