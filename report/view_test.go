package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// boardAt returns the board of the story up to a point in time.
func boardAt(seconds float64) (*board, time.Time) {
	b := newBoard(Options{Environment: "dev", Release: release, Instances: fleet,
		Footer: func() string { return "9120 requests · 0 failed · longest gap 11ms" }})
	now := began.Add(time.Duration(seconds * float64(time.Second)))
	for _, e := range story() {
		if !e.Time.After(now) {
			b.observe(e)
		}
	}
	return b, now
}

// see is the view without colours and without blanks at line ends.
func see(b *board, now time.Time, width int) string {
	lines := strings.Split(b.view(now, frame{width: width, height: 24, plain: true}), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

func TestViewWhilePulling(t *testing.T) {
	b, now := boardAt(3)
	assert.Equal(t, `dev  v2 (abababababab)  3s  0/3  about 9m0s to go
● web-1  prepare              3s  ████████░░░░░░░░  50 % of 120 MB
● web-2  prepare              2s
· i-0c   waiting
9120 requests · 0 failed · longest gap 11ms
`, see(b, now, 80))
}

func TestANarrowTerminalStillShowsHowFarAPullIs(t *testing.T) {
	b, now := boardAt(3)
	assert.Contains(t, see(b, now, 40), "● web-1  prepare         3s  50 %\n")
}

func TestViewWhileWaiting(t *testing.T) {
	b, now := boardAt(9.7)
	assert.Contains(t, see(b, now, 80), "· web-1  prepared             0s  200 connections/s before\n")
	assert.Contains(t, see(b, now, 80), "waiting for capacity: 1 of 3 healthy\n")
}

func TestViewWhileDrainingAndAfterAFailure(t *testing.T) {
	b, now := boardAt(15)
	assert.Contains(t, see(b, now, 100), "● web-1  drain                4s  last new connection after 2s, 2 connections open\n")
	assert.NotContains(t, see(b, now, 100), "capacity", "that is over")

	b, now = boardAt(129)
	assert.Contains(t, see(b, now, 100), "2m9s  1/3  about 3m50s to go\n")
	assert.NotContains(t, see(b, now.Add(4*time.Minute), 100), "to go", "it takes longer than that")

	b, now = boardAt(131)
	assert.NotContains(t, see(b, now, 100), "to go", "nobody can say")
	assert.Contains(t, see(b, now, 100), "✓ web-1  updated            2m1s  healthy after 48s\n")
	assert.Contains(t, see(b, now, 100), "↩ web-2  undo stop            0s  exited with 2: panic: no configuration\n")
}

func TestViewAtTheEnd(t *testing.T) {
	b, now := boardAt(200)
	d := document(rollout.RolledBack, updated("i-0a"),
		ended("i-0b", rollout.Restored, "prove: exited with 2"), ended("i-0c", rollout.Pending, ""))
	d.Finished = began.Add(150 * time.Second)
	b.finish(d)
	assert.Equal(t, `dev  v2 (abababababab)  2m30s  2/3
✓ web-1  updated            2m1s  healthy after 48s
✗ web-2  restored          2m20s  prove: exited with 2
· i-0c   pending
9120 requests · 0 failed · longest gap 11ms
`, see(b, now, 80))
}

func TestViewNeverIsWiderOrHigherThanTheTerminal(t *testing.T) {
	b, now := boardAt(131)
	b.observe(event(131, "i-0d-mit-einem-sehr-langen-namen-大きい大きい大きい大きい", rollout.StepJoin, rollout.StepMoved, strings.Repeat("大", 300)))
	for i := range 40 {
		b.observe(event(131, fmt.Sprintf("i-%02d", i), rollout.StepDrain, rollout.StepBegun, ""))
	}
	for _, plain := range []bool{true, false} {
		for _, width := range []int{0, 1, 2, 3, 10, 20, 33, 59, 60, 79, 80, 109, 110, 200} {
			for _, height := range []int{0, 1, 5, 24, 100} {
				lines := strings.Split(b.view(now, frame{width: width, height: height, plain: plain}), "\n")
				require.LessOrEqual(t, len(lines), max(height, 6), "%d×%d", width, height)
				for _, l := range lines {
					require.LessOrEqual(t, lipgloss.Width(l), max(width-1, 0), "%d×%d: %q", width, height, l)
				}
			}
		}
	}
}

func TestAFleetHigherThanTheTerminalShowsWhatMatters(t *testing.T) {
	b := newBoard(Options{})
	for i := range 50 {
		id := fmt.Sprintf("i-%02d", i)
		b.observe(event(0, id, rollout.StepPrepare, rollout.StepBegun, ""))
		if i < 40 {
			b.observe(event(1, id, "", rollout.InstanceEnded, "updated"))
		}
	}
	b.observe(failed(2, "i-49", rollout.StepProve, rollout.StepFailed, "it died"))
	seen := b.view(began, frame{width: 80, height: 16, plain: true})
	assert.Contains(t, seen, "it died")
	assert.Contains(t, seen, "i-40")
	assert.Contains(t, seen, "and 39 more")
}

func TestTargetHealthHasAColumnWhereThereIsRoom(t *testing.T) {
	b, now := boardAt(80)
	row := strings.Split(see(b, now, 140), "\n")[1]
	assert.True(t, strings.HasSuffix(row, "initial (Elb.RegistrationInProgress)"), row)
	assert.Equal(t, 1, strings.Count(row, "initial"))
}

func TestNoColor(t *testing.T) {
	b, now := boardAt(131)
	assert.NotContains(t, b.view(now, frame{width: 80, height: 24, plain: true}), "\x1b")
	assert.Contains(t, b.view(now, frame{width: 80, height: 24}), "\x1b[")
}

func TestEventsInAnyOrderAndOfAnyKind(t *testing.T) {
	b := newBoard(Options{Instances: fleet})
	b.observe(event(50, "i-0a", "", rollout.InstanceEnded, "updated"))
	b.observe(event(40, "i-0a", rollout.StepDrain, rollout.StepMoved, "late"))
	b.observe(event(30, "i-0b", rollout.StepJoin, rollout.StepDone, "healthy"))
	b.observe(event(20, "i-0b", rollout.StepPrepare, rollout.StepBegun, ""))
	b.observe(pulled(21, "i-0b", 300, 100))
	b.observe(event(22, "i-0c", "a new step", "a new kind", "something\x1b[2J"))
	b.observe(rollout.Event{})
	b.observe(rollout.Event{Instance: "i-0e", Kind: rollout.StepFailed})
	seen := see(b, began, 80)
	assert.Contains(t, seen, "✓ web-1  updated")
	assert.NotContains(t, seen, "late")
	assert.Contains(t, seen, "████████████████ 100 % of 0.0 MB")
	assert.Contains(t, seen, "● i-0c   a new step")
	assert.NotContains(t, seen, "\x1b")
	assert.Contains(t, seen, "no reason given")
}

func TestRemarksAreTakenOnce(t *testing.T) {
	b, _ := boardAt(200)
	assert.Equal(t, []string{"web-2: telling the service that it is back failed"}, b.takeRemarks())
	assert.Empty(t, b.takeRemarks())
}
