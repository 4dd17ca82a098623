package growl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
)

// TestBadCommandsTouchNothing runs the compiled program with commands whose fault shows only after calls to AWS or an
// instance. Each error is one line.
func TestBadCommandsTouchNothing(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=1")
	before := p.inspect(t)
	for _, test := range []struct {
		name string
		vars []string
		args []string
		code int
		want string
	}{
		{"a tag nobody pushed", nil, p.deploy("nonesuch"), 1, "resolve tag nonesuch of growl-backend: image not found; " + p.vars["V2"] + " pushed "},
		{"no SHA for prod", nil, []string{"deploy:prod", "v2"}, 2, `prod takes the full commit SHA of an image that CI pushed (40 hex digits), not "v2"`},
		{"a fleet of one", nil, p.deploy(p.vars["V2"]), 1, "alone serves target group"},
		{"no key", []string{"SSH_KEY=", "SSH_AUTH_SOCK="}, p.deploy(p.vars["V2"]), 1, "KeyFile is what -sshKey or SSH_KEY names"},
		{"no fleet", []string{"FLEET="}, p.deploy(p.vars["V2"]), 1, "-fleet=FILE or FLEET names a fleet file to read instead"},
		{"a probe's path", nil, append(p.deploy(p.vars["V2"]), "-probe=http://"+p.vars["NLB"]+"/nonesuch", "-allowDowntime"), 1, "gate probe: none of "},
		{"a probe's port", nil, append(p.deploy(p.vars["V2"]), "-probe=http://127.0.0.1:1/", "-allowDowntime"), 1, " dial: refused) · "},
		{"a probe's name", nil, append(p.deploy(p.vars["V2"]), "-probe=http://nonesuch.invalid/"), 2, "resolve nonesuch.invalid"},
		{"an environment to heal", nil, []string{"deploy:heal", "staging"}, 2, `unknown environment "staging"`},
		{"a run to go back to", nil, []string{"deploy:rollback", "dev", "-to=nonesuch"}, 1, "find run nonesuch"},
		{"a run's name", nil, []string{"deploy:rollback", "dev", "-to=../current"}, 1, `run "../current": want 1 to 128 letters`},
		{"a ledger on disk", []string{"DEPLOY_LEDGER=/tmp"}, p.deploy(p.vars["V2"]), 2, `ledger "/tmp": want s3://BUCKET/PREFIX`},
		{"no such bucket of the state", []string{"TF_STATE_BUCKET=nonesuch"}, p.deploy(p.vars["V2"]), 1, "there is no bucket nonesuch"},
		{"a ledger in no bucket", []string{"DEPLOY_LEDGER=s3://nonesuch/ledger"}, p.deploy(p.vars["V2"]), 1, "there is no bucket nonesuch"},
		{"a ledger's parameter", []string{"DEPLOY_LEDGER=s3://growl-tf-state/ledger?regoin=us-west-1"}, p.deploy(p.vars["V2"]), 2, `want s3://BUCKET/PREFIX?region=REGION: the parameter "regoin" is not known`},
		{"a ledger in another region", []string{"DEPLOY_LEDGER=s3://growl-tf-state/ledger?region=eu-west-1"}, p.deploy(p.vars["V2"]), 1, "name its region, us-west-1, in the ledger's location: s3://growl-tf-state/ledger?region=us-west-1"},
		{"somebody else's AWS key", []string{"AWS_ACCESS_KEY_ID=AKIANONESUCH"}, p.deploy(p.vars["V2"]), 1, "the AWS credentials are expired or not valid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := p.start(t, test.vars, test.args...)
			assert.Equal(t, test.code, run.end(t), "%s", run.text())
			assertOneLine(t, run.text(), test.want)
		})
	}
	assert.Equal(t, before, p.inspect(t))
	p.assertHealthy(t)
	status, err := p.ledger(t).Current(t.Context())
	require.NoError(t, err)
	assert.Nil(t, status.Lease, "a lease was kept")
	assert.Empty(t, status.Unfinished)
}

// assertOneLine checks that the last line holds the error, and that only the run's own progress comes before it.
func assertOneLine(t *testing.T, output, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
	assert.Contains(t, lines[len(lines)-1], want)
	faults := 0
	for _, line := range lines {
		if strings.HasPrefix(line, "Error: ") {
			faults++
		}
	}
	assert.LessOrEqual(t, faults, 1, "%s", output)
}

// TestABadJournalIsLeftAlone: what the program cannot read it neither acts upon
// nor writes over.
func TestABadJournalIsLeftAlone(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=2")
	before, store, version := p.inspect(t), p.store(t), ledger.Absent
	for _, test := range []struct{ name, object, want string }{
		{"another version's", `{"version":4,"write":"a","environment":"dev"}`, "it is of version 4, this program knows version 3: use the program that wrote it"},
		{"cut off", `{"version":2,"write":"a","envir`, "cut off or not JSON"},
		{"empty", ``, "cut off or not JSON"},
		{"another environment's", `{"version":2,"write":"a","service":"growl-backend","environment":"prod"}`, `it is of environment "prod", not "dev"`},
		{"of a step by hand", `{"version":2,"write":"a","service":"growl-backend","environment":"dev","unfinished":[{"run":"r","journal":[{"instance":"i-1","step":"reboot","mark":"begun"}]}]}`, `step "reboot" is not known`},
	} {
		t.Run(test.name, func(t *testing.T) {
			stamp, err := store.Put(t.Context(), "growl-backend/dev/current", []byte(test.object), version)
			require.NoError(t, err)
			version = stamp.Version
			for _, args := range [][]string{
				p.deploy(p.vars["V2"]), p.operate("heal"), p.operate("resume"), p.operate("rollback"),
				{"deploy:unlock", "dev", "-run=r"}, {"deploy:status", "dev"}, {"deploy:history", "dev"},
			} {
				code, output := p.run(t, args...)
				assert.Equal(t, 1, code, "%s", output)
				assertOneLine(t, output, test.want)
			}
			left, err := store.Get(t.Context(), "growl-backend/dev/current")
			require.NoError(t, err)
			assert.Equal(t, test.object, string(left.Data))
		})
	}
	assert.Equal(t, before, p.inspect(t))
	p.assertHealthy(t)
}
