package growl_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// TestOperators runs the commands of operators after runs that succeeded, were interrupted, or were killed: rollback,
// resume and unlock.
func TestOperators(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStory(t, true)
	for _, part := range []struct {
		name string
		tell func(*testing.T)
	}{
		{"rollback to the release before, and to a run's", s.goBack},
		{"resume what a signal broke off", s.resumeBrokenOff},
		{"unlock what died, heal it, and only then resume", s.resumeHealed},
		{"unlock what lives", s.unlockLiving},
	} {
		s.part(part.name, part.tell)
	}
	s.end()
}

// ok runs a target that has to succeed.
func (s *story) ok(t *testing.T, args ...string) string {
	t.Helper()
	code, output := s.place.run(t, args...)
	require.Zero(t, code, "%s", output)
	return output
}

// refuses checks that a command ends with exit code 1 and a line with the reason.
func (s *story) refuses(t *testing.T, want string, args ...string) {
	t.Helper()
	code, output := s.place.run(t, args...)
	assert.Equal(t, 1, code, "%s", output)
	assertOneLine(t, output, want)
}

// last are the runs in the history, the latest first.
func (s *story) last(t *testing.T) []ledger.Record {
	t.Helper()
	records, err := s.place.ledger(t).History(t.Context(), 20)
	require.NoError(t, err)
	return records
}

func (s *story) goBack(t *testing.T) {
	v1, v2 := s.place.vars["V1"], s.place.vars["V2"]
	s.refuses(t, "no run in the history deployed another release", s.place.operate("rollback")...)
	s.ok(t, s.place.deploy(v2)...)
	s.ok(t, s.place.operate("rollback")...)
	s.assertRuns(t, v1)
	first := s.last(t)[0].Result.Run

	output := s.ok(t, append(s.place.operate("rollback"), "-dryRun")...)
	assert.Contains(t, output, "plan for dev: "+v2[:12])
	s.assertRuns(t, v1)
	s.ok(t, s.place.operate("rollback")...)
	s.assertRuns(t, v2)
	s.ok(t, append(s.place.operate("rollback"), "-to="+first)...)
	s.assertRuns(t, v1)
	s.refuses(t, "nothing to resume: the last run in dev finished", s.place.operate("resume")...)
}

func (s *story) resumeBrokenOff(t *testing.T) {
	first := s.place.fleet.Instances[0].ID
	release := s.other(t, first)
	run := s.place.start(t, nil, s.place.deploy(release)...)
	run.await(t, "growl-backend-2 +drain +begun")
	require.NoError(t, run.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, rollout.Interrupted.ExitCode(), run.end(t), "%s", run.text())
	s.place.awaitHealthy(t)
	assert.Equal(t, release, s.place.inspect(t)[first].commit, "what was updated stays")

	broken := s.last(t)[0].Result.Run
	s.refuses(t, "run "+broken+" ended interrupted: it is nothing to go back to", append(s.place.operate("rollback"), "-to="+broken)...)
	output := s.ok(t, s.place.operate("resume")...)
	assert.Contains(t, output, "(1 ran it already)", "it goes on with the rest")
	s.assertRuns(t, release)
	assert.Contains(t, s.ok(t, "deploy:history", "dev"), broken)
}

func (s *story) resumeHealed(t *testing.T) {
	first := s.place.fleet.Instances[0].ID
	release := s.other(t, first)
	b := boundary{first, rollout.StepStart, rollout.Done}
	s.killAt(t, b, s.place.deploy(release)...)
	s.refuses(t, "dev is held by run ", "deploy:unlock", "dev")
	s.refuses(t, `the lease is not run "nonesuch"'s but run `, "deploy:unlock", "dev", "-run=nonesuch")
	s.refuses(t, "dev is held by run ", s.place.operate("heal")...)
	s.unlock(t, b)
	s.heal(t)
	s.ok(t, s.place.operate("resume")...)
	s.assertRuns(t, release)
}

// unlockLiving: a run whose lease is taken from it stops, and who took it heals.
func (s *story) unlockLiving(t *testing.T) {
	first := s.place.fleet.Instances[0].ID
	run := s.place.start(t, nil, s.place.deploy(s.other(t, first))...)
	run.await(t, "growl-backend-1 +drain +begun")
	status, err := s.place.ledger(t).Current(t.Context())
	require.NoError(t, err)
	s.ok(t, "deploy:unlock", "dev", "-run="+status.Lease.RunID)
	assert.Equal(t, rollout.Orphaned.ExitCode(), run.end(t), "%s", run.text())
	assertOneLine(t, run.text(), "the lease of dev is lost")
	s.heal(t)
	s.assertInService(t)
}
