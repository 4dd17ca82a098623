package growl_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/internal/magetest"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// place is a sandbox in a process of its own, as sandbox:up keeps it, and the
// variables that a user pastes from it.
type place struct {
	program string
	vars    map[string]string
	fleet   fleet.Fleet
}

// keepSandbox brings a place up that ends with the test.
func keepSandbox(t *testing.T, flags ...string) place {
	t.Helper()
	p := place{program: magetest.Program(t), vars: map[string]string{}}
	up := exec.Command(p.program, append([]string{"sandbox:up", "-factor=60"}, flags...)...)
	up.Dir = "../.."
	up.Env = p.environ()
	notes := &transcript{}
	up.Stderr = notes
	printed, err := up.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, up.Start())
	t.Cleanup(func() {
		_ = up.Process.Signal(os.Interrupt)
		assert.NoError(t, up.Wait(), "the sandbox did not end well: %s", notes.text())
	})
	line, err := bufio.NewReader(printed).ReadString('\n')
	require.NoError(t, err, "the sandbox did not come up: %s", notes.text())
	p.vars = magetest.Sourced(t, line)
	described, err := os.ReadFile(p.vars["FLEET"])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(described, &p.fleet))
	p.vars["POLICY"] = unhurried(t, p.vars["POLICY"])
	return p
}

// environ is the environment of a process at this place. What this process has of AWS, of SSH and of a CI job is not the
// place's.
func (p place) environ(more ...string) []string {
	own := magetest.Environ()
	for name, value := range p.vars {
		own = append(own, name+"="+value)
	}
	return append(own, more...)
}

// aws is the place's AWS for this process.
func (p place) aws(t *testing.T) aws.Config {
	t.Helper()
	cfg, err := awsconfig.LoadDefaultConfig(t.Context(),
		awsconfig.WithRegion(p.fleet.Region), awsconfig.WithBaseEndpoint(p.vars["AWS_ENDPOINT_URL"]),
		awsconfig.WithSharedConfigFiles(nil), awsconfig.WithSharedCredentialsFiles(nil),
		awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			p.vars["AWS_ACCESS_KEY_ID"], p.vars["AWS_SECRET_ACCESS_KEY"], "")))
	require.NoError(t, err)
	return cfg
}

// store is the place's bucket, as the ledger sees it.
func (p place) store(t *testing.T) *ledger.S3 {
	t.Helper()
	store, err := ledger.NewS3FromConfig(p.aws(t), ledger.S3Options{Bucket: defaultBucket, Prefix: ledgerPrefix, Region: ledgerRegion})
	require.NoError(t, err)
	return store
}

// ledger is the place's ledger, read with no target of ours in between.
func (p place) ledger(t *testing.T) *ledger.Ledger {
	t.Helper()
	books, err := ledger.Open(p.store(t), "growl-backend/dev", ledger.Options{})
	require.NoError(t, err)
	return books
}

// unhurried gives a policy at 1/60 of AWS's times back what a busy machine needs.
// Where all goes well only the lag costs time.
func unhurried(t *testing.T, text string) string {
	t.Helper()
	policy, err := rollout.ParsePolicy(rollout.DefaultPolicy(), text)
	require.NoError(t, err)
	policy.Drain.Lag, policy.Drain.Quiet, policy.Drain.Max = 2300*time.Millisecond, 400*time.Millisecond, 10*time.Second
	policy.Prove, policy.Health = 20*time.Second, 30*time.Second
	return policy.String()
}

func (p place) policy() string { return "-policy=" + p.vars["POLICY"] }

// deploy is the command line that rolls a release out here.
func (p place) deploy(tag string) []string {
	return []string{"deploy:dev", "-tag=" + tag, p.policy()}
}

// operate returns the command line of a target that operates the place.
func (p place) operate(target string) []string {
	return []string{"deploy:" + target, "dev", p.policy()}
}
