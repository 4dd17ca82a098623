package deploy_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/image"
	"github.com/growl-dev/deploy/internal/iam"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// TestAnEnvironmentsLife goes through what people do in an environment, one after the other.
func TestAnEnvironmentsLife(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 2)
	p.options.Report, p.options.Probe = filepath.Join(t.TempDir(), "report.json"), p.URL
	var steps []rollout.StepName
	p.options.Observe = func(e rollout.Event) { steps = append(steps, e.Step) }
	operator := p.open(t, orders())

	_, err := operator.Rollback(t.Context(), "")
	require.ErrorIs(t, err, ledger.ErrNoGoodRun)
	plan, err := operator.Plan(t.Context(), p.V2)
	require.NoError(t, err)
	assert.Len(t, plan.Batches, 2)
	healed, err := operator.Heal(t.Context())
	require.NoError(t, err)
	assert.Empty(t, healed.Outcome, "nothing was left unfinished")
	assert.NotContains(t, steps, rollout.StepDeregister, "a plan acted")

	result, err := operator.Deploy(t.Context(), p.V2)
	require.NoError(t, err)
	assert.Equal(t, rollout.Deployed, result.Outcome)
	require.NotNil(t, result.Traffic)
	assert.Zero(t, result.Traffic.Failed)
	assert.Contains(t, steps, rollout.StepDeregister)
	assert.FileExists(t, p.options.Report)

	status, err := operator.Status(t.Context())
	require.NoError(t, err)
	for _, i := range status.Instances {
		assert.Equal(t, p.V2, i.State.Release.Commit)
	}
	var text strings.Builder
	require.NoError(t, status.Print(&text))
	assert.Contains(t, text.String(), "staging: nobody deploys\n")
	assert.NotContains(t, text.String(), "seal")

	assert.Equal(t, p.V1, result.Before.Commit)
	back, err := operator.Rollback(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, p.V1, back.Release.Commit, "the release that no run deployed")
	back, err = operator.Rollback(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, p.V2, back.Release.Commit)
	_, err = operator.Resume(t.Context())
	require.ErrorContains(t, err, "nothing to resume")
	assert.Equal(t, 1, deploy.ExitCode(report.Document{}, err))

	records, err := operator.History(t.Context(), 10)
	require.NoError(t, err)
	assert.Len(t, records, 3)
}

// TestATargetGroupBelongsToOneService: a second declaration with the same ledger is refused, also as a plan.
func TestATargetGroupBelongsToOneService(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 2)
	_, err := p.open(t, orders()).Deploy(t.Context(), p.V2)
	require.NoError(t, err)
	other := orders()
	other.Name, other.Container.Name = "invoices", "orders-api"
	_, err = p.open(t, other).Plan(t.Context(), p.V1)
	require.ErrorContains(t, err, "orders-api/staging")
	_, err = p.open(t, other).Deploy(t.Context(), p.V1)
	require.ErrorContains(t, err, "orders-api/staging")
	assert.Equal(t, 1, deploy.ExitCode(report.Document{}, err))
	records, err := p.open(t, other).History(t.Context(), 5)
	require.NoError(t, err)
	assert.Empty(t, records)
}

// TestARollbackStaysInItsRepository: the ledger's history may be of another image repository.
func TestARollbackStaysInItsRepository(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 2)
	operator := p.open(t, orders())
	for _, tag := range []string{p.V2, p.V1} {
		_, err := operator.Deploy(t.Context(), tag)
		require.NoError(t, err)
	}
	p.options.Fleet = p.ofRepository(t, p.Fleet.Repository+"-v2")
	_, err := p.open(t, orders()).Rollback(t.Context(), "")
	require.ErrorIs(t, err, deploy.ErrOtherRepository)
	_, err = p.open(t, orders()).PlanRollback(t.Context(), "")
	require.ErrorIs(t, err, deploy.ErrOtherRepository)
}

// TestWhatFollowsARolloutFails: the tag that new instances pull cannot be moved.
func TestWhatFollowsARolloutFails(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 2)
	policy, err := iam.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"ecr:PutImage","Resource":"*"}]}`))
	require.NoError(t, err)
	vars := variables(append(p.Env(), p.AddRole("deployer", policy).Env()...))
	p.options.AWS = awsOf(vars)
	result, err := deploy.Run(t.Context(), orders(), "staging", p.V2, p.options)
	require.ErrorIs(t, err, deploy.ErrUnfinished)
	assert.Equal(t, rollout.Deployed, result.Outcome)
	assert.Equal(t, 7, deploy.ExitCode(result, err))
	assert.ErrorContains(t, err, p.V2)
	assert.ErrorContains(t, err, "runs on every instance of staging")
	assert.ErrorContains(t, err, "move the tag deployed-staging")
	assert.ErrorContains(t, err, "`mage deploy:to staging -tag="+p.V2+" -digest="+result.Release.Digest()+"`")
	var said strings.Builder
	assert.Equal(t, 7, deploy.Exit(&said, result, err))
	assert.Equal(t, 1, strings.Count(said.String(), "\n"), said.String())
}

// TestARunIsBrokenOff: the context ends while an instance drains.
func TestARunIsBrokenOff(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.options.Observe = func(e rollout.Event) {
		if e.Step == rollout.StepDrain && e.Kind == rollout.StepBegun {
			cancel()
		}
	}
	result, err := p.open(t, orders()).Deploy(ctx, p.V2)
	require.Error(t, err)
	assert.Equal(t, 6, deploy.ExitCode(result, err))
	status, err := p.open(t, orders()).Status(t.Context())
	require.NoError(t, err)
	for _, i := range status.Instances {
		assert.Equal(t, p.V1, i.State.Release.Commit)
	}
	p.options.Observe = nil
	declared := p.options.Fleet
	p.options.Fleet = p.ofRepository(t, p.Fleet.Repository+"-v2")
	_, err = p.open(t, orders()).Resume(t.Context())
	require.ErrorIs(t, err, deploy.ErrOtherRepository)
	p.options.Fleet = declared
	resumed, err := p.open(t, orders()).Resume(t.Context())
	require.NoError(t, err)
	assert.Equal(t, p.V2, resumed.Release.Commit)
}

// TestRulesOfAnEnvironment checks that live accepts full SHAs only, requires a confirmation, and compares with staging.
func TestRulesOfAnEnvironment(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "live", 2)
	_, err := deploy.Run(t.Context(), orders(), "live", "latest", p.options)
	require.ErrorIs(t, err, deploy.ErrUsage)
	assert.Equal(t, 2, deploy.ExitCode(report.Document{}, err))

	var asked string
	p.options.Confirm = func(question string) error { asked = question; return deploy.ErrNotConfirmed }
	_, err = deploy.Run(t.Context(), orders(), "live", p.V2, p.options)
	require.ErrorIs(t, err, deploy.ErrNotConfirmed)
	assert.Equal(t, 1, deploy.ExitCode(report.Document{}, err))
	assert.Contains(t, asked, "out to live?")

	p.options.Confirm = nil
	result, err := deploy.Run(t.Context(), orders(), "live", p.V2, p.options)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(result.Remarks, "\n"), "staging never ran commit "+p.V2)
}

func TestWhatADeclarationLeavesOut(t *testing.T) {
	filled := orders().WithDefaults()
	assert.Equal(t, "deployed-live", filled.Environments["live"].Tag)
	assert.Equal(t, "orders-api", filled.Container.Name)
	assert.Equal(t, 9000, filled.Container.ContainerPort)
	assert.Equal(t, image.Options{Dir: ".", Name: "orders-api"}, filled.Image)
}

func TestExitCode(t *testing.T) {
	fault := errors.New("fault")
	for _, test := range []struct {
		outcome rollout.Outcome
		err     error
		code    int
	}{
		{rollout.Deployed, nil, 0}, {rollout.UnchangedRun, nil, 0}, {rollout.Skipped, nil, 0}, {rollout.Healed, nil, 0}, {"", nil, 0},
		{rollout.Refused, fault, 1}, {"", fault, 1}, {rollout.Healed, fault, 1}, {"", deploy.ErrUsage, 2},
		{rollout.RolledBack, fault, 3}, {rollout.Mixed, fault, 4}, {rollout.Orphaned, fault, 5}, {rollout.Interrupted, fault, 6},
		{rollout.Deployed, errors.Join(deploy.ErrUnfinished, fault), 7}, {rollout.Orphaned, errors.Join(deploy.ErrUnfinished, fault), 5},
	} {
		assert.Equal(t, test.code, deploy.ExitCode(report.Document{Result: rollout.Result{Outcome: test.outcome}}, test.err), "%s %v", test.outcome, test.err)
	}
}

func TestADeclarationThatMakesNoSense(t *testing.T) {
	for says, spoil := range map[string]func(*deploy.Service){
		`name "Orders": want`:                 func(s *deploy.Service) { s.Name = "Orders" },
		"container: host_port 0":              func(s *deploy.Service) { s.Container.HostPort = 0 },
		"want s3://BUCKET/PREFIX?region=":     func(s *deploy.Service) { s.Ledger = "s3://b" },
		"it has no environments":              func(s *deploy.Service) { s.Environments = nil },
		`environment "live": it has no fleet`: func(s *deploy.Service) { s.Environments = map[string]deploy.Environment{"live": {}} },
		`unknown key "bacth"`: func(s *deploy.Service) {
			s.Environments = map[string]deploy.Environment{"live": {Fleet: fleet.File("x"), Policy: "bacth=2"}}
		},
		"an environment neither current nor history": func(s *deploy.Service) {
			s.Environments = map[string]deploy.Environment{"history": {Fleet: fleet.File("x")}}
		},
		"a service cannot be named claims": func(s *deploy.Service) { s.Name = "claims" },
		"key of before": func(s *deploy.Service) {
			s.Environments = map[string]deploy.Environment{"live": {Fleet: fleet.File("x"), OldLedgerKey: "a/b"}}
		},
		`promoted from "qa", which is not an environment`: func(s *deploy.Service) {
			s.Environments = map[string]deploy.Environment{"live": {Fleet: fleet.File("x"), PromotedFrom: "qa"}}
		},
	} {
		s := orders()
		spoil(&s)
		_, err := deploy.Open(t.Context(), s, "live", deploy.Options{})
		require.ErrorIs(t, err, deploy.ErrUsage)
		assert.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "\n")
	}
	_, err := deploy.Open(t.Context(), orders(), "qa", deploy.Options{})
	require.ErrorIs(t, err, deploy.ErrUsage)
	assert.ErrorContains(t, err, `unknown environment "qa": want one of live, staging`)
	require.NoError(t, orders().Validate())
}
