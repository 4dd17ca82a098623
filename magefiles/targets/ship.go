package targets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// deploy is what every deploying target does: read, resolve, roll out, tell.
func deploy(ctx context.Context, s settings) error {
	world, policy, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := world.checkPort(s.Environment); err != nil {
		return err
	}
	if err := world.judge(s); err != nil {
		return err
	}
	release, err := world.choose(ctx, s)
	if err != nil {
		return err
	}
	return roll(ctx, s, world, policy, release)
}

// roll rolls a release out that was pinned already.
func roll(ctx context.Context, s settings, world *world, policy rollout.Policy, release rollout.Release) error {
	config := world.config(s.Environment, release, policy)
	config.Gates = world.gates
	if s.DryRun && s.OnlyForward {
		if skips, err := world.printComparison(ctx, release); err != nil || skips {
			return err
		}
	}
	if s.DryRun {
		return dryRun(ctx, s, world, config)
	}
	if err := s.confirm(release); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	lease, err := world.lease(ctx, s, config)
	if err != nil {
		return err
	}
	config.Journal = lease
	return ship(ctx, s, world, lease, config)
}

// economize lets garbage be until a fleet's share of memory is used, 60 MB and
// 96 kB for each instance's connection, and no longer: else collecting it
// takes a large run almost twice as long. And a run waits more than it computes: a
// second processor would mostly be woken for nothing, at a twelfth of all CPU, unless
// a probe or the sandbox is in this process too. GOMEMLIMIT, GOGC and GOMAXPROCS win.
func (s settings) economize(instances int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(60<<20 + int64(instances)*96<<10)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
	if os.Getenv("GOMAXPROCS") == "" && s.Probe == "" && !s.Sandbox {
		runtime.GOMAXPROCS(1)
	}
}

// open finds out what can be wrong with the request, where it goes, and what
// guards that.
func (s settings) open(ctx context.Context) (*world, rollout.Policy, error) {
	world, policy, made, err := s.reach(ctx)
	if err != nil {
		return nil, policy, err
	}
	return world, policy, world.guard(s, made)
}

// reach is open for who changes nothing. made is nil where Terraform did not make
// the environment.
func (s settings) reach(ctx context.Context) (w *world, policy rollout.Policy, made *infra.Environment, err error) {
	if policy, err = s.check(); err != nil {
		return nil, policy, nil, err
	}
	fleet, made, err := s.fleet(ctx)
	if err != nil {
		return nil, policy, nil, err
	}
	w, err = wire(ctx, fleet, s.SSH)
	return w, policy, made, err
}

// guard sets the drift gate and the env seal of an environment that Terraform
// made. What is skipped is said loudly.
func (w *world) guard(s settings, made *infra.Environment) error {
	if made == nil {
		return nil
	}
	gate := &infra.Gate{Environment: made, Skip: s.SkipDrift}
	w.gates = []rollout.Gate{gate}
	seal, err := envFileOf(s.Environment).ReadSeal()
	if err != nil {
		return err
	}
	if s.SkipDrift {
		w.skipped = append(w.skipped, "-skipDrift: nobody looked whether AWS is as the code says")
	}
	if s.AllowEnvDrift {
		gate.EnvSeal = seal
		w.skipped = append(w.skipped, "-allowEnvDrift: instances may run with an env file that is not the sealed one")
		return nil
	}
	w.seal = seal
	return nil
}

// lease takes the environment for this run.
func (w *world) lease(ctx context.Context, s settings, config rollout.Config) (*ledger.Lease, error) {
	books, err := w.books(s.Environment, s.Ledger)
	if err != nil {
		return nil, err
	}
	return w.acquire(ctx, books, holder(config.ID, config.Release))
}

// ship heals what a dead run left, then runs the rollout under the probe's
// load, shows it, and reports it.
func ship(ctx context.Context, s settings, world *world, lease *ledger.Lease, config rollout.Config) error {
	s.economize(len(config.Instances))
	load, err := startProbe(ctx, s.Probe)
	if err != nil {
		return letGo(ctx, lease, err)
	}
	screen := newScreen(report.Options{
		Environment: s.Environment, Release: config.Release, Instances: config.Instances, Footer: load.line,
	})
	config.Gates = slices.Concat(config.Gates, load.gates())
	config.Guards, config.Watches = load.guards(), slices.Concat(world.watches, load.watches())
	config.Observe = func(e rollout.Event) {
		load.observe(e)
		screen.Observe(e)
	}
	for _, text := range world.skipped {
		screen.Observe(rollout.Event{Time: time.Now(), Kind: rollout.Remarked, Detail: "WARNING " + text})
	}
	result, err := heal(ctx, lease, config)
	if err == nil {
		run := rollout.Run
		if s.OnlyForward {
			run = world.runForward
		}
		result, err = run(ctx, config)
	}
	if result.Outcome == rollout.Deployed || result.Outcome == rollout.UnchangedRun {
		err = errors.Join(err, world.mark(ctx, s.Environment, config.Release))
		world.newcomers(ctx, s, &result)
	}
	result.Remarks = append(world.skipped, result.Remarks...)
	err = errors.Join(err, finish(ctx, lease, result))
	return tell(s, screen, report.Document{Result: result, Traffic: load.stop()}, remedied(s.Environment, err))
}

// letGo gives the environment back after an error before the run, whose exit code a
// joined error would not have.
func letGo(ctx context.Context, lease *ledger.Lease, err error) error {
	if left := lease.Release(context.WithoutCancel(ctx)); left != nil {
		return fmt.Errorf("%w; %w", err, left)
	}
	return err
}

// remedied says what to do about env files that are not the sealed one.
func remedied(environment string, err error) error {
	if !errors.Is(err, docker.ErrEnvFile) || !errors.Is(err, rollout.ErrRefuse) {
		return err
	}
	return fmt.Errorf("%w: a deploy does not carry env changes: `mage infra:apply %s -oneByOne` does, -allowEnvDrift goes on without", err, environment)
}

// mark moves the tag that first boot pulls to what the environment runs now.
func (w *world) mark(ctx context.Context, environment string, release rollout.Release) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	return w.images.Retag(ctx, release.Digest(), "deployed-"+environment)
}

// tell shows and writes the report, and gives the outcome's exit code to err.
func tell(s settings, screen report.Reporter, document report.Document, err error) error {
	screen.Finish(document)
	if s.Report != "" {
		err = errors.Join(err, document.WriteFile(s.Report))
	}
	return ended(document.Outcome, errors.Join(err, summarize(document)))
}

// ended gives the outcome's exit code to an error; mage looks for it on the
// error itself.
func ended(outcome rollout.Outcome, err error) error {
	if err == nil {
		return nil
	}
	return mg.Fatal(max(1, outcome.ExitCode()), oneLine(err))
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

// newRunID names this process's run.
func newRunID() string { return rollout.NewID(time.Now()) }
