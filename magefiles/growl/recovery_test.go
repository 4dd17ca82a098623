package growl_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// TestRecovery kills recoveries too, and goes on with runs that died in the
// other ways there are, under load.
func TestRecovery(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStory(t, true)
	first, second := s.place.fleet.Instances[0].ID, s.place.fleet.Instances[1].ID
	s.part("a recovery that goes back is killed", func(t *testing.T) {
		s.healAtLast(t, boundary{first, rollout.StepStop, rollout.Done},
			boundary{first, rollout.StepStop, rollout.Undoing},
			boundary{first, rollout.StepStop, rollout.Undone},
			boundary{first, rollout.StepDeregister, rollout.Undoing},
			boundary{first, rollout.StepDeregister, rollout.Undone})
	})
	s.part("a recovery that goes on is killed", func(t *testing.T) {
		s.healAtLast(t, boundary{first, rollout.StepProve, rollout.Done},
			boundary{first, rollout.StepRegister, rollout.Begun},
			boundary{first, rollout.StepRegister, rollout.Done},
			boundary{first, rollout.StepJoin, rollout.Begun})
	})
	s.part("the job's last step heals at once", func(t *testing.T) { s.healInJob(t, first) })
	s.part("resume", func(t *testing.T) { s.resume(t, second) })
	s.part("two deploys race, and the first one heals", func(t *testing.T) { s.race(t, first) })
	s.end()
}

// healAtLast kills a deploy at one boundary, a recovery at each of others, and
// then heals in peace.
func (s *story) healAtLast(t *testing.T, deploy boundary, heals ...boundary) {
	s.killAt(t, deploy, s.place.deploy(s.other(t, deploy.instance))...)
	s.unlock(t, deploy)
	for _, b := range heals {
		s.killAt(t, b, s.place.operate("heal")...)
		s.unlock(t, b)
	}
	s.heal(t)
	for id, r := range s.assertInService(t) {
		assert.Equal(t, []string{"/growl-backend"}, r.containers, id)
	}
	code, output := s.place.run(t, s.place.operate("heal")...)
	assert.Zero(t, code, "%s", output)
	assert.Contains(t, output, "nothing to heal")
}

// healInJob heals in a later step of the job whose run died, which takes the lease at once and waits for its acts. Another
// job of the same workflow run, as in a matrix, is refused, and so is everybody else.
func (s *story) healInJob(t *testing.T, instance string) {
	job := []string{"GITHUB_SERVER_URL=https://github.example", "GITHUB_REPOSITORY=growl/deploy", "GITHUB_RUN_ID=7", "GITHUB_ACTOR=ann", "RUNNER_TRACKING_ID=github_1"}
	run := s.guard.start(t, s.place, boundary{instance, rollout.StepStart, rollout.Begun}, s.kept, job, s.place.deploy(s.other(t, instance))...)
	require.Equal(t, -1, run.end(t), "%s", run.text())

	for _, other := range [][]string{nil, append(job[:len(job)-1:len(job)-1], "RUNNER_TRACKING_ID=github_2")} {
		step := s.place.start(t, other, s.place.operate("heal")...)
		assert.Equal(t, 1, step.end(t), "%s", step.text())
		assert.Contains(t, step.text(), "of ann on ")
		assert.Contains(t, step.text(), "https://github.example/growl/deploy/actions/runs/7/attempts/1: wait for that run to end")
	}

	last := s.place.start(t, job, s.place.operate("heal")...)
	last.await(t, "because an act of run [^ ]+ may still be sent")
	assert.Zero(t, last.end(t), "%s", last.text())
	s.assertInService(t)
}

// resume goes on with the release of the run that died.
func (s *story) resume(t *testing.T, instance string) {
	release := s.other(t, instance)
	b := boundary{instance, rollout.StepStop, rollout.Done}
	s.killAt(t, b, s.place.deploy(release)...)
	s.unlock(t, b)
	run := s.place.start(t, s.guard.aMinuteLater(), s.place.operate("resume")...)
	require.Zero(t, run.end(t), "%s", run.text())
	s.assertRuns(t, release)
}

// race starts two deploys at once where a third one died: one of them heals and
// deploys, the other is refused with the first one's name.
func (s *story) race(t *testing.T, instance string) {
	release := s.other(t, instance)
	b := boundary{instance, rollout.StepDrain, rollout.Done}
	s.killAt(t, b, s.place.deploy(release)...)
	s.unlock(t, b)
	winner, loser := s.place.start(t, nil, s.place.deploy(release)...), s.place.start(t, nil, s.place.deploy(release)...)
	select {
	case <-winner.ended:
		winner, loser = loser, winner
	case <-loser.ended:
	}
	assert.Equal(t, 1, loser.end(t), "%s", loser.text())
	assert.Regexp(t, `dev is held by run \S+ of .*process `+strconv.Itoa(winner.cmd.Process.Pid)+`: wait`, loser.text())
	require.Zero(t, winner.end(t), "%s", winner.text())
	s.assertRuns(t, release)
}

// assertRuns checks that the whole fleet runs one release, and nothing else.
func (s *story) assertRuns(t *testing.T, release string) {
	t.Helper()
	for id, r := range s.assertInService(t) {
		assert.Equal(t, release, r.commit, id)
		assert.Equal(t, []string{"/growl-backend"}, r.containers, id)
	}
}

// end checks that no request has failed.
func (s *story) end() {
	receipt := s.load.Stop()
	s.t.Log(receipt)
	assert.Zero(s.t, receipt.Failed, "%s", receipt)
}
