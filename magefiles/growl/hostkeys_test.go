package growl_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	cryptossh "golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/magetest"
)

// keyMaker is a checkout in which host keys are made, with an AWS CLI that records its input.
type keyMaker struct {
	t    *testing.T
	root string
}

const keepingAWS = `#!/bin/sh
[ -n "$DENIED" ] && { echo "An error occurred (AccessDeniedException): not you" >&2; exit 254; }
[ "$1 $2 $3 $4 $5" = "ssm put-parameter --region us-west-1 --cli-input-json" ] || exit 252
file="${6#file://}"
[ "$(stat -c %a "$file" 2>/dev/null || stat -f %Lp "$file")" = 600 ] || exit 1
{ cat "$file"; echo; } >>parameters
`

func newKeyMaker(t *testing.T) keyMaker {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("sh is not on PATH")
	}
	m := keyMaker{t, t.TempDir()}
	m.write("bin/aws", keepingAWS)
	m.write(terraformDir+"/known_hosts", "# lines\n")
	m.write(devVariables, `environment = "dev"
region = "us-west-1"
cidr = "10.20.0.0/16"
instances = {
  one = { zone = 0, address = "10.20.0.11" }
  two = { zone = 1, address = "10.20.1.11" }
}
`)
	require.NoError(t, os.Mkdir(filepath.Join(m.root, "tmp"), 0o700))
	return m
}

func (m keyMaker) write(name, text string) {
	m.t.Helper()
	file := filepath.Join(m.root, name)
	require.NoError(m.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(m.t, os.WriteFile(file, []byte(text), 0o700))
}

func (m keyMaker) read(name string) string {
	m.t.Helper()
	content, err := os.ReadFile(filepath.Join(m.root, name))
	require.NoError(m.t, err)
	return string(content)
}

// run makes keys, and checks that no output or remaining file contains a secret.
func (m keyMaker) run(variable string, args ...string) (code int, output string) {
	m.t.Helper()
	cmd := exec.Command(magetest.Program(m.t), append([]string{"infra:hostkeys"}, args...)...)
	cmd.Dir = m.root
	cmd.Env = place{}.environ("PATH="+filepath.Join(m.root, "bin")+":"+os.Getenv("PATH"), "HOME="+m.root, "TMPDIR="+filepath.Join(m.root, "tmp"), variable)
	out, _ := cmd.CombinedOutput()
	assert.NotContains(m.t, string(out), "PRIVATE KEY")
	left, err := filepath.Glob(filepath.Join(m.root, "tmp", "growl-host-key-*"))
	require.NoError(m.t, err)
	assert.Empty(m.t, left, "a key was left behind")
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestHostKeysAreSignedForEveryInstance(t *testing.T) {
	m := newKeyMaker(t)
	code, output := m.run("", "dev")
	require.Zero(t, code, output)
	assert.Contains(t, output, "trusts the CA now: commit it")

	known := m.read(terraformDir + "/known_hosts")
	require.Contains(t, known, "# lines\n@cert-authority 10.20.* ssh-ed25519 ")
	parameters := strings.Split(strings.TrimSpace(m.read("parameters")), "\n")
	require.Len(t, parameters, 2)
	for n, name := range []string{"one", "two"} {
		var p struct{ Name, Type, Value string }
		require.NoError(t, json.Unmarshal([]byte(parameters[n]), &p))
		assert.Equal(t, "/growl-backend/dev/ssh-host/"+name, p.Name)
		assert.Equal(t, "SecureString", p.Type)
		_, rest, _ := strings.Cut(p.Value, "-----END OPENSSH PRIVATE KEY-----\n")
		key, _, _, _, err := cryptossh.ParseAuthorizedKey([]byte(rest))
		require.NoError(t, err)
		ca := string(cryptossh.MarshalAuthorizedKey(key.(*cryptossh.Certificate).SignatureKey))
		assert.Contains(t, known, strings.TrimSpace(ca), "known_hosts trusts who signed it")
	}
}

// TestHostKeysOfOneInstance: a second run takes the CA that is there, and trusts
// it once.
func TestHostKeysOfOneInstance(t *testing.T) {
	m := newKeyMaker(t)
	for range 2 {
		code, output := m.run("", "dev", "-instance=two", "-ca="+filepath.Join(m.root, "ca"))
		require.Zero(t, code, output)
	}
	assert.Equal(t, 2, strings.Count(m.read("parameters"), "ssh-host/two"))
	assert.NotContains(t, m.read("parameters"), "ssh-host/one")
	assert.Equal(t, 1, strings.Count(m.read(terraformDir+"/known_hosts"), "@cert-authority"))
}

func TestBadInputOfHostKeys(t *testing.T) {
	for name, c := range map[string]struct {
		variable string
		args     []string
		code     int
		want     string
	}{
		"an environment":     {"", []string{"qa"}, 2, `unknown environment "qa": want one of dev, prod`},
		"an instance":        {"", []string{"dev", "-instance=three"}, 2, `no instance "three" in the tfvars of dev: want one of one, two`},
		"no tfvars":          {"", []string{"prod"}, 1, "terraform-prod.tfvars"},
		"no AWS CLI":         {"PATH=/nonesuch", []string{"dev"}, 1, "it needs the AWS CLI"},
		"a refused put":      {"DENIED=1", []string{"dev"}, 1, "AccessDeniedException"},
		"a CA that is no CA": {"", []string{"dev", "-ca=" + terraformDir + "/known_hosts"}, 1, "open the SSH CA of dev"},
	} {
		t.Run(name, func(t *testing.T) {
			code, output := newKeyMaker(t).run(c.variable, c.args...)
			assert.Equal(t, c.code, code, output)
			assertOneLine(t, output, c.want)
		})
	}
}
