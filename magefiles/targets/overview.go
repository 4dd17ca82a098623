package targets

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// lookTimeout bounds the look at one instance.
const lookTimeout = 30 * time.Second

// overview is what a fleet was found to run.
type overview struct {
	rows []row
	seal infra.Seal
	// remarks follow the table.
	remarks []string
}

// row is one instance.
type row struct {
	instance rollout.Instance
	health   rollout.Health
	state    rollout.State
	docker.Description
	err error // what kept it from saying so
}

// overview asks every instance what it runs, all at once.
func (w *world) overview(ctx context.Context, health rollout.Health, seal infra.Seal) overview {
	o := overview{rows: make([]row, len(w.fleet.Instances)), seal: seal}
	var wg sync.WaitGroup
	for n, i := range w.fleet.Instances {
		wg.Go(func() { o.rows[n] = w.row(ctx, i, health) })
	}
	wg.Wait()
	o.compare("releases", func(r row) string { return r.state.Release.String() })
	o.compare("env files", func(r row) string { return fmt.Sprintf("%.12s", r.EnvSeal) })
	return o
}

func (w *world) row(ctx context.Context, i rollout.Instance, health rollout.Health) row {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	r := row{instance: i, health: health.Of(i.ID)}
	host, err := w.host(ctx, i)
	if err != nil {
		r.err = err
		return r
	}
	defer host.Close()
	if r.state, r.err = host.Inspect(ctx); r.err == nil {
		r.Description, r.err = host.Describe(ctx)
	}
	return r
}

// compare remarks where the instances that say what they have do not all have one.
func (o *overview) compare(what string, of func(row) string) {
	have := map[string][]string{}
	var order []string
	for _, r := range o.rows {
		if r.err != nil || !r.state.Running {
			continue
		}
		value := of(r)
		if have[value] == nil {
			order = append(order, value)
		}
		have[value] = append(have[value], r.instance.ID)
	}
	if len(order) < 2 {
		return
	}
	var parts []string
	for _, value := range order {
		parts = append(parts, value+" on "+strings.Join(have[value], ", "))
	}
	o.remarks = append(o.remarks, fmt.Sprintf("%d %s: %s", len(order), what, strings.Join(parts, "; ")))
}

// print writes a plain table, the same in a terminal and in a log.
func (o *overview) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "INSTANCE\tNAME\tZONE\tRUNS\tCOMMIT\tSINCE\tTARGET HEALTH\tENV FILE\tDIFFERENCES")
	for _, r := range o.rows {
		fmt.Fprintln(table, cells(
			r.instance.ID, r.instance.Name, r.instance.Zone, r.runs(), fmt.Sprintf("%.12s", r.state.Release.Commit), r.since(),
			r.health.String(), r.env(o.seal), r.differences(),
		))
	}
	err := table.Flush()
	for _, remark := range o.remarks {
		fmt.Fprintln(out, report.Clean(remark))
	}
	return err
}

func (r row) runs() string {
	switch {
	case r.err != nil && r.state.InstanceID == "":
		return "unknown"
	case !r.state.Running:
		return "nothing"
	default:
		return r.state.Release.String()
	}
}

func (r row) since() string {
	if !r.state.Running || r.state.Since.IsZero() {
		return ""
	}
	return r.state.Since.UTC().Format(minute)
}

// env says whether the instance's env file is the sealed one.
func (r row) env(seal infra.Seal) string {
	switch {
	case r.EnvSeal == "":
		return "unknown"
	case seal == "":
		return fmt.Sprintf("%.12s", r.EnvSeal)
	case string(seal) == r.EnvSeal:
		return "sealed"
	default:
		return fmt.Sprintf("NOT the sealed one (%.12s)", r.EnvSeal)
	}
}

// differences are those from what the next rollout would make, and what else is odd.
func (r row) differences() string {
	all := slices.Concat(r.Differs, r.state.Remarks)
	if r.err != nil {
		all = append(all, strings.ReplaceAll(r.err.Error(), "\n", "; "))
	}
	return strings.Join(all, "; ")
}
