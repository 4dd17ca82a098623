package growl_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/tftest"
	"github.com/growl-dev/deploy/remote"
)

// stack is a checkout from which a place is deployed to: the targets run in it, and their output is kept.
type stack struct {
	place
	t    *testing.T
	root string
	all  transcript
}

// canaryEnv is the env file of the stack and of every instance.
const canaryEnv = "# secrets\nSECRET=" + canary + "\n"

// newStack makes the checkout, with the env file there and on the instances.
func newStack(t *testing.T, flags ...string) *stack {
	t.Helper()
	s := &stack{place: keepSandbox(t, flags...), t: t, root: t.TempDir()}
	s.vars["TMPDIR"] = filepath.Join(s.root, "tmp")
	require.NoError(t, os.MkdirAll(filepath.Join(s.root, "tmp"), 0o700))
	s.write(devEnv, canaryEnv)
	s.onInstances(canaryEnv)
	return s
}

func (s *stack) path(name string) string { return filepath.Join(s.root, name) }

func (s *stack) write(name, text string) {
	s.t.Helper()
	require.NoError(s.t, os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	require.NoError(s.t, os.WriteFile(s.path(name), []byte(text), 0o600))
}

// dial opens a connection to an instance.
func (s *stack) dial(n int) *remote.Client {
	t, i := s.t, s.fleet.Instances[n]
	t.Helper()
	conn, err := remote.Dial(t.Context(), remote.Config{
		Name: i.ID, Address: i.Address, User: s.fleet.User, KeyFile: s.vars["SSH_KEY"], KnownHosts: []string{s.vars["SSH_KNOWN_HOSTS"]},
	})
	require.NoError(t, err)
	return conn
}

// onInstance writes the env file of an instance, as its first boot does.
func (s *stack) onInstance(n int, text string) {
	s.t.Helper()
	conn := s.dial(n)
	defer conn.Close()
	require.NoError(s.t, conn.WriteFile(s.t.Context(), service().EnvFile, []byte(text), 0o600))
}

func (s *stack) onInstances(text string) {
	s.t.Helper()
	for n := range s.fleet.Instances {
		s.onInstance(n, text)
	}
}

// run runs a target in the checkout to its end; more are variables for it alone.
func (s *stack) run(more []string, args ...string) (code int, output string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.program, args...)
	cmd.Dir, cmd.Env = s.root, s.environ(more...)
	cmd.WaitDelay = 10 * time.Second
	began := time.Now()
	out, _ := cmd.CombinedOutput()
	_, _ = s.all.Write(out)
	s.t.Logf("%s: %s, exit code %d", args[0], time.Since(began).Round(time.Millisecond), cmd.ProcessState.ExitCode())
	return cmd.ProcessState.ExitCode(), string(out)
}

// ok runs a target that has to succeed.
func (s *stack) ok(args ...string) string {
	s.t.Helper()
	code, output := s.run(nil, args...)
	require.Zero(s.t, code, "%s", output)
	return output
}

// refuses runs a target that has to exit with 1 and a reason in its last line.
func (s *stack) refuses(more []string, args ...string) string {
	s.t.Helper()
	code, output := s.run(more, args...)
	require.Equal(s.t, 1, code, "%s", output)
	lines := strings.Split(strings.TrimSpace(output), "\n")
	last := lines[len(lines)-1]
	require.True(s.t, strings.HasPrefix(last, "Error: "), "%s", output)
	assert.Equal(s.t, 1, strings.Count(output, "Error: "), "%s", output)
	return last
}

// withTerraform puts a small configuration of the place into the checkout, and
// skips the test where there is nothing to run it with.
func (s *stack) withTerraform() {
	s.t.Helper()
	s.configured("stack")
	s.variables(300)
}

// configured puts a configuration of testdata into the checkout.
func (s *stack) configured(name string) {
	s.t.Helper()
	s.write("terraformrc", tftest.CLIConfig(tftest.NeedProvider(s.t)))
	s.vars["TF_CLI_CONFIG_FILE"], s.vars["AWS_EC2_METADATA_DISABLED"] = s.path("terraformrc"), "true"
	delete(s.vars, "FLEET") // it comes from the outputs
	main, err := os.ReadFile(filepath.Join("testdata", name, "main.tf"))
	require.NoError(s.t, err)
	s.write(terraformDir+"/base.tf", tftest.Base)
	s.write(terraformDir+"/main.tf", string(main))
}

const devVariables = terraformDir + "/terraform-dev.tfvars"

// variables writes the environment's tfvars.
func (s *stack) variables(delay int) {
	s.t.Helper()
	s.describe(map[string]any{"deregistration_delay": delay, "instances": s.fleet.Instances})
}

// describe writes the environment's tfvars: the variables that all configurations need, and more.
func (s *stack) describe(more map[string]any) {
	s.t.Helper()
	values := map[string]any{
		"environment": s.fleet.Environment, "region": s.fleet.Region, "registry_region": s.fleet.RegistryRegion,
		"load_balancer": s.vars["NLB"], "target_group": s.fleet.TargetGroups[0], "user": s.fleet.User,
	}
	maps.Copy(values, more)
	s.write(devVariables, tftest.Variables(s.t, values))
}

// bucket is the bucket of the state and the ledger.
func (s *stack) bucket() *s3.Client {
	return s3.NewFromConfig(s.aws(s.t), func(o *s3.Options) { o.UsePathStyle, o.Region = true, ledgerRegion })
}

// requireNoCanary searches for the secret in the output and in all remaining files.
func (s *stack) requireNoCanary() {
	t := s.t
	t.Helper()
	require.NotEmpty(t, s.all.text())
	assert.NotContains(t, s.all.text(), canary, "it was printed")
	seen := 0
	seen += s.noCanaryBelow(s.root, s.path(devEnv))
	machines := filepath.Dir(s.vars["SSH_KEY"])
	var env []string
	for _, i := range s.fleet.Instances {
		env = append(env, filepath.Join(machines, "instances", i.ID, service().EnvFile))
	}
	seen += s.noCanaryBelow(machines, env...)
	require.Greater(t, seen, 10)
	s.noCanaryInBucket()
}

// noCanaryBelow searches every file below a folder for the secret. The files in but must contain it. It returns the
// number of files.
func (s *stack) noCanaryBelow(folder string, but ...string) (seen int) {
	t := s.t
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		seen++
		content, err := os.ReadFile(path)
		assert.Equal(t, slices.Contains(but, path), strings.Contains(string(content), canary), path)
		return err
	}))
	return seen
}

func (s *stack) noCanaryInBucket() {
	t, client, name := s.t, s.bucket(), defaultBucket
	t.Helper()
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &name})
	require.NoError(t, err)
	require.NotEmpty(t, list.Contents)
	for _, o := range list.Contents {
		assert.NotContains(t, s.object(*o.Key), canary, *o.Key)
	}
}
