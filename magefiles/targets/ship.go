package targets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// deploy is what every deploying target does: read, resolve, roll out, tell.
func deploy(ctx context.Context, s settings) error {
	policy, err := s.check()
	if err != nil {
		return err
	}
	fleet, err := readFleet(s.Fleet, s.Environment)
	if err != nil {
		return err
	}
	world, err := wire(ctx, fleet, s.SSH)
	if err != nil {
		return err
	}
	release, err := world.resolve(ctx, s.Tag)
	if err != nil {
		return err
	}
	config := world.config(s.Environment, release, policy)
	if s.DryRun {
		return dryRun(ctx, config)
	}
	return ship(ctx, s, config)
}

// dryRun prints what a run would do.
func dryRun(ctx context.Context, config rollout.Config) error {
	plan, err := rollout.MakePlan(ctx, config)
	if err != nil {
		return err
	}
	fmt.Print(plan)
	return nil
}

// ship runs the rollout under the probe's load, shows it, and reports it.
func ship(ctx context.Context, s settings, config rollout.Config) error {
	load, err := startProbe(ctx, s.Probe)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	screen := report.New(os.Stdout, report.Options{
		Environment: s.Environment, Release: config.Release, Instances: config.Instances, Footer: load.line,
	})
	config.Observe = screen.Observe
	result, err := rollout.Run(ctx, config)
	document := report.Document{Result: result, Traffic: load.stop()}
	screen.Finish(document)
	if s.Report != "" {
		if failed := document.WriteFile(s.Report); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return ended(result.Outcome, err)
}

// ended gives the outcome's exit code to an error; mage looks for it on the
// error itself.
func ended(outcome rollout.Outcome, err error) error {
	if err == nil {
		return nil
	}
	return mg.Fatal(max(1, outcome.ExitCode()), strings.ReplaceAll(err.Error(), "\n", "; "))
}

// untilSignal returns a context that the first SIGINT, SIGTERM or SIGHUP
// cancels; further ones change nothing. Mage's own handler, which ends the
// process five seconds after a SIGINT, is taken away. A reader of our output
// that goes away must not end a run either.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	signal.Reset(os.Interrupt)
	return signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// load is the probe of a run; nil where none was asked for.
type load struct{ probe *probe.Probe }

func startProbe(ctx context.Context, url string) (load, error) {
	if url == "" {
		return load{}, nil
	}
	p, err := probe.Start(context.WithoutCancel(ctx), probe.Options{URL: url})
	if err != nil {
		return load{}, usage("%v", err)
	}
	return load{p}, nil
}

// line is the running receipt; empty without a probe.
func (l load) line() string {
	if l.probe == nil {
		return ""
	}
	return l.probe.Snapshot().String()
}

// stop ends the probe and returns its receipt for the report.
func (l load) stop() *report.Traffic {
	if l.probe == nil {
		return nil
	}
	traffic := report.Traffic(l.probe.Stop())
	return &traffic
}
