package githook

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// needGitleaks skips where the scanner is neither compiled nor to be fetched.
func needGitleaks(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles gitleaks: run without -short")
	}
	cmd := exec.Command("go", "tool", "gitleaks", "version")
	cmd.Dir = "../../tools"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("gitleaks, of the module tools, cannot be built here: %s", out)
	}
}

// A password that no rule of entropy finds, and a key in a form of its own. They
// are put together here, or they would be found in this file.
var (
	weak  = "hunter" + "22"
	keyID = "AKIA" + "Q3EGTXVYRW4NZPLK"
)

func TestSecretsInTfvars(t *testing.T) {
	needGitleaks(t)
	t.Chdir("../..")
	for _, test := range []struct{ name, text, says string }{
		{"none", "region = \"us-west-1\"\n", ""},
		{"no file", "", ""},
		{"a public key", "ssh_authorized_keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK8qJ5H0Yk2o0S8mBqjv1s2Jm9m1rj2y4nX0nC1aA9Zx me\"]\n", ""},
		{"a secret's name", "secret_arn = \"arn:aws:secretsmanager:us-west-1:1:secret:x\"\ntokens_per_second = \"12\"\n", ""},
		{"a reference", "db_secret = \"arn:aws:secretsmanager:us-west-1:1:secret:x\"\n", ""},
		{"an allowed line", "password = \"" + weak + "\" # gitleaks:allow\n", ""},
		{"an access key", "region = \"us-west-1\"\n\nkey = \"" + keyID + "\"\n", "x.tfvars:3: aws-access-token"},
		{"a weak password", "db_password = \"" + weak + "\"\n", "x.tfvars:1: tfvars-named-secret"},
		{"in a comment", "# password = \"" + weak + "\"\n", "x.tfvars:1: tfvars-named-secret"},
		{"in a map", "db = { user = \"a\", password = \"" + weak + "\" }\n", "x.tfvars:1: tfvars-named-secret"},
		{"in JSON", "{\n \"db_password\": \"" + weak + "\"\n}\n", "x.tfvars:2: tfvars-named-secret"},
		{"a heredoc", "private_key = <<-EOF\n  abc\nEOF\n", "x.tfvars:1: tfvars-named-secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := guardTfvars(t.Context(), []string{"x.tfvars"}, func(context.Context, string) ([]byte, error) { return []byte(test.text), nil })
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
			for _, secret := range []string{weak, keyID, "\n"} {
				assert.NotContains(t, err.Error(), secret)
			}
		})
	}
}

func TestCommittedTfvarsHoldNoSecret(t *testing.T) {
	needGitleaks(t)
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on PATH")
	}
	t.Chdir("../..")
	names, err := gitPaths(t.Context(), append([]string{"ls-files", "-z", "--"}, tfvars()...)...)
	if err != nil {
		t.Skipf("this is no git checkout: %v", err)
	}
	require.Contains(t, names, terraformDir+"/terraform-prod.tfvars", "the guard does not see them")
	require.NoError(t, Guard(t.Context()))
}

// TestTheHookGuardsWhatIsStaged: not what is on disk.
func TestTheHookGuardsWhatIsStaged(t *testing.T) {
	needGitleaks(t)
	c := newClone(t)
	c.install()
	name := terraformDir + "/terraform-dev.tfvars"
	clean := c.read(name)
	c.write(name, clean+"password = \""+weak+"\"\n")
	c.git("add", name)
	c.write(name, clean)
	said := c.refused()
	assert.Contains(t, said, name+":2: tfvars-named-secret")
	assert.NotContains(t, said, weak)
	assert.Equal(t, 1, strings.Count(said, "\n"), "%s", said)

	c.git("add", name)
	c.write(name, clean+"password = \""+weak+"\"\n")
	c.write("note", "text")
	c.git("add", "note")
	c.commit()
	c.git("rm", "-q", "-f", name)
	c.commit()
}

func TestTheGuardReturnsWhyItCouldNotScan(t *testing.T) {
	t.Chdir(t.TempDir())
	read := func(context.Context, string) ([]byte, error) { return nil, nil }
	err := guardTfvars(t.Context(), []string{"x.tfvars"}, read)
	require.ErrorContains(t, err, "guard x.tfvars: run gitleaks")
	assert.NotContains(t, err.Error(), "\n")
	require.NoError(t, guardTfvars(t.Context(), nil, read))
	err = guardTfvars(t.Context(), []string{"x.tfvars"}, func(context.Context, string) ([]byte, error) { return nil, os.ErrPermission })
	require.ErrorIs(t, err, os.ErrPermission)
}

// A clone that belongs to somebody else is refused with git's own reason and remedy.
func TestACloneOfSomebodyElse(t *testing.T) {
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	_, err := Install(t.Context())
	require.ErrorContains(t, err, "fatal: detected dubious ownership in repository at")
	require.ErrorContains(t, err, "git config --global --add safe.directory ")
	require.NotContains(t, err.Error(), "\n")
}
