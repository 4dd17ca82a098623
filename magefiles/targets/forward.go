package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/growl-dev/deploy/image"
	"github.com/growl-dev/deploy/rollout"
)

// mostLooks bounds how many instances are read at once: an Instance Connect endpoint carries twenty connections.
const mostLooks = 10

// comparison is how a release is related to what the instances run.
type comparison struct {
	// older says why the release is not deployed with -onlyForward; empty if it may be.
	older string
	// remarks name the instances whose commit is not comparable.
	remarks []string
}

// compareCommits compares the release's commit with those that the instances run, by the history of the checkout. A commit that
// an instance's own is descended from is older. One that is on another branch, or that the checkout does not hold, is no
// reason to skip: it was deployed by hand, and what is pushed to the main branch replaces it.
func (w *world) compareCommits(ctx context.Context, release rollout.Release) (comparison, error) {
	if !commitSHA.MatchString(release.Commit) {
		return comparison{}, fmt.Errorf("-onlyForward compares commits, and the image %s has no tag that is one commit's full SHA: leave -onlyForward out to deploy it", release)
	}
	running, c, err := w.running(ctx)
	if err != nil {
		return comparison{}, fmt.Errorf("-onlyForward: read what the instances run: %w", err)
	}
	for _, r := range running {
		relation, err := image.Compare(ctx, ".", release.Commit, r.commit)
		if err != nil {
			return comparison{}, fmt.Errorf("-onlyForward: %w", err)
		}
		switch relation {
		case image.Older:
			c.older = fmt.Sprintf("-onlyForward: commit %s is older than %s, which runs on %s", release.Commit, r.commit, r.where())
			return c, nil
		case image.Diverged, image.Unknown:
			c.remarks = append(c.remarks, fmt.Sprintf("-onlyForward: commit %s is %s %s, which runs on %s and is replaced", release.Commit, relation, r.called(), r.where()))
		}
	}
	return c, nil
}

// runningCommit is a commit and the instances that run it.
type runningCommit struct {
	commit    string
	instances []string
}

func (r runningCommit) called() string {
	if r.commit == "" {
		return "a release without a commit"
	}
	return r.commit
}

func (r runningCommit) where() string { return strings.Join(r.instances, ", ") }

// running reads what the instances run, in the fleet's order. One that cannot be read is a remark, because the run will
// not update it either; if none can be, that is an error.
func (w *world) running(ctx context.Context) (found []runningCommit, c comparison, err error) {
	states, errs := w.inspect(ctx)
	read := 0
	for n, i := range w.fleet.Instances {
		called := strings.TrimSpace(fmt.Sprintf("%s (%s)", i.Name, i.ID))
		if errs[n] != nil {
			c.remarks = append(c.remarks, fmt.Sprintf("-onlyForward: what runs on %s was not compared: %v", called, oneLine(errs[n])))
			continue
		}
		read++
		if !states[n].Running {
			continue
		}
		at := slices.IndexFunc(found, func(r runningCommit) bool { return r.commit == states[n].Release.Commit })
		if at < 0 {
			at, found = len(found), append(found, runningCommit{commit: states[n].Release.Commit})
		}
		found[at].instances = append(found[at].instances, called)
	}
	if read == 0 {
		return nil, c, errors.Join(errs...)
	}
	return found, c, nil
}

// inspect reads the state of every instance of the fleet.
func (w *world) inspect(ctx context.Context) ([]rollout.State, []error) {
	states := make([]rollout.State, len(w.fleet.Instances))
	errs := make([]error, len(w.fleet.Instances))
	slots := make(chan struct{}, mostLooks)
	var wg sync.WaitGroup
	for n, i := range w.fleet.Instances {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			states[n], errs[n] = w.inspectOne(ctx, i)
		})
	}
	wg.Wait()
	return states, errs
}

func (w *world) inspectOne(ctx context.Context, i rollout.Instance) (rollout.State, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	host, err := w.host(ctx, i)
	if err != nil {
		return rollout.State{}, err
	}
	defer host.Close()
	return host.Inspect(ctx)
}

// printComparison prints what a run would do with -onlyForward, and reports whether it would skip the release.
func (w *world) printComparison(ctx context.Context, release rollout.Release) (skips bool, err error) {
	c, err := w.compareCommits(ctx, release)
	if err != nil {
		return false, err
	}
	for _, text := range c.remarks {
		printf("%s\n", text)
	}
	if c.older != "" {
		printf("skipped: %s\n", c.older)
	}
	return c.older != "", nil
}

// runForward runs the rollout if no instance runs a newer commit. The caller holds the lease, so that no other run
// changes what the instances run between the comparison and the rollout.
func (w *world) runForward(ctx context.Context, config rollout.Config) (rollout.Result, error) {
	result := rollout.Result{Run: config.ID, Environment: config.Environment, Release: config.Release, Started: time.Now()}
	c, err := w.compareCommits(ctx, config.Release)
	if err != nil {
		result.Outcome, result.Error, result.Finished = rollout.Refused, oneLine(err).Error(), time.Now()
		return result, err
	}
	if c.older != "" {
		c.remarks = append(c.remarks, c.older)
	}
	for _, text := range c.remarks {
		config.Observe(rollout.Event{Time: time.Now(), Kind: rollout.Remarked, Detail: text})
	}
	if c.older != "" {
		result.Outcome, result.Remarks, result.Finished = rollout.Skipped, c.remarks, time.Now()
		return result, nil
	}
	result, err = rollout.Run(ctx, config)
	result.Remarks = append(c.remarks, result.Remarks...)
	return result, err
}
