package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/growl-dev/deploy/rollout"
)

const golden = `deploy v2 (abababababab) to dev
    0.0s  run                about 9m to go
    0.0s  web-1  prepare     begun
    0.1s  web-2  prepare     begun
    0.2s  web-1  prepare     pulled 0 % of 120 MB
    7.0s  web-1  prepare     pulled 55 % of 120 MB
    9.0s  web-1  prepare     done: 200 connections/s before
    9.5s  run                waiting for capacity: 1 of 3 healthy
   10.0s  web-1  deregister  begun
   10.2s  web-1  deregister  done: left 1 target group
   10.3s  web-1  drain       begun
   12.0s  web-1  drain       last new connection after 1s, 3 connections open
   23.0s  web-1  drain       last new connection after 2s, 1 connections open
   71.4s  web-1  drain       done: quiet after 61s, 0 connections cut
   72.0s  web-1  join        initial (Elb.RegistrationInProgress)
  120.0s  web-1  join        done: healthy after 48s
  121.0s  web-1              ended: updated
  121.0s  run                about 4m to go
  130.0s  web-2  prove       FAILED: exited with 2: panic: no configuration
  130.1s  web-2  stop        undo begun
  132.0s  web-2  stop        undone: v1 (cdcdcdcdcdcd) runs again
  133.0s  web-2  drain       remark: telling the service that it is back failed
  140.0s  web-2              ended: restored
deployed 3/3 in 41s
`

func TestPlain(t *testing.T) {
	var out bytes.Buffer
	p := newPlain(&out, Options{Environment: "dev", Release: release, Instances: fleet})
	for _, e := range story() {
		p.Observe(e)
	}
	p.Finish(document(rollout.Deployed, updated("i-0a"), updated("i-0b"), updated("i-0c")))
	assert.Equal(t, golden, out.String())
}

func TestPlainOfAnUnknownFleet(t *testing.T) {
	var out bytes.Buffer
	observe := Plain(&out)
	observe(event(0, "i-0123456789abcdef0", rollout.StepPrepare, rollout.StepBegun, ""))
	observe(event(1, "i-0b", "a new step", "a new kind", "what it says"))
	assert.Equal(t, ""+
		"    0.0s  i-0123456789abcdef0  prepare     begun\n"+
		"    1.0s  i-0b                 a new step  a new kind: what it says\n", out.String())
}

// A CI system that takes commands at the start of a line must get none from a
// container's log.
func TestPlainNeverBeginsALineWithForeignText(t *testing.T) {
	var out bytes.Buffer
	observe := Plain(&out)
	observe(failed(0, "i-0a\n::error::", "prove\n::error::", rollout.StepFailed, "died:\r\n::add-mask::a\u2028::error::b"))
	observe(event(0, "", "", rollout.Remarked, "::set-output::\x1b]0;title\x07"))
	for l := range strings.Lines(out.String()) {
		assert.Regexp(t, `^ {4}0\.0s  `, l)
	}
	assert.Equal(t, 2, strings.Count(out.String(), "\n"))
	assert.NotContains(t, out.String(), "\x1b")
}
