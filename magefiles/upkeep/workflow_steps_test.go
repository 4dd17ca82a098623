package upkeep

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/internal/magetest"
	"github.com/growl-dev/deploy/magefiles/growl"
)

// canary is a secret that must be nowhere but where it is needed.
const canary = "canary-4f1b9c-7d20e6"

// deployWorkflow is a workflow that deploys, and the prefix of the names of its variables and secrets.
type deployWorkflow struct{ file, environment, prefix string }

func deployWorkflows() []deployWorkflow {
	return []deployWorkflow{{"deploy-dev-backend.yml", "dev", "DEV_"}, {"deploy-prod.yml", "prod", ""}}
}

// stepScript is the script of the step with a name.
func stepScript(t *testing.T, file, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(workflows(t)[file], "\n      - name: "+name+"\n")
	require.True(t, found, "%s has no step %q", file, name)
	script := scripts(strings.Split(rest, "\n      - ")[0])
	require.Len(t, script, 1)
	return regexp.MustCompile(`(?m)^ {10}`).ReplaceAllString(strings.TrimPrefix(script[0], "|\n"), "")
}

// runStep runs a step's script in a folder as a runner does, with these variables and no others of a job.
func runStep(t *testing.T, folder, script string, vars ...string) (code int, output string) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not in PATH")
	}
	file := filepath.Join(t.TempDir(), "step.sh")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
	cmd := exec.Command("bash", "-e", file)
	cmd.Dir, cmd.Env = folder, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, vars...)
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestUnsetVariablesAndSecretsAreRefused(t *testing.T) {
	for _, w := range deployWorkflows() {
		script := stepScript(t, w.file, "Check that variables and secrets are set")
		all := map[string]string{}
		for _, name := range []string{"AWS_ROLE", "INSTANCE_CONNECT_ENDPOINT", "SSH_KEY", "ENV_FILE"} {
			all[w.prefix+name] = "something\n"
			assert.Regexp(t, `\n {10}`+w.prefix+name+`: \$\{\{ (vars|secrets)\.`+w.prefix+name+` \}\}\n`, workflows(t)[w.file], "%s does not pass it to the step", w.file)
		}
		environ := func(change, value string) (vars []string) {
			for name, text := range all {
				if name == change {
					text = value
				}
				vars = append(vars, name+"="+text)
			}
			return vars
		}
		code, output := runStep(t, t.TempDir(), script, environ("", "")...)
		assert.Zero(t, code, "%s", output)
		for name := range all {
			for _, value := range []string{"", "\n", " \t\r\n"} {
				code, output := runStep(t, t.TempDir(), script, environ(name, value)...)
				assert.Equal(t, 1, code, "%s=%q: %s", name, value, output)
				assert.Contains(t, output, "::error::not set, or blank: "+name+": docs/ci.md says")
				assert.NotContains(t, output, "something", "a secret is printed")
			}
		}
	}
}

// TestSecretsAreWrittenAsTheyWereSealed runs the step that writes the secrets, with the program that the job compiles.
func TestSecretsAreWrittenAsTheyWereSealed(t *testing.T) {
	needTime(t)
	t.Parallel()
	const content = "# settings\nTOKEN=" + canary + "\nPATTERN=%s\\n$HOME `id`\n"
	for _, w := range deployWorkflows() {
		script := stepScript(t, w.file, "Write the secrets, for this user alone")
		for name, test := range map[string]struct {
			secret, want string
		}{
			"as it was sealed":                 {content, ""},
			"without the newline at its end":   {strings.TrimSuffix(content, "\n"), ""},
			"with one more newline at its end": {content + "\n", ""},
			"another value":                    {strings.Replace(content, canary, "other", 1), "is not the one that was sealed"},
			"without the line before the last": {"# settings\nPATTERN=x\n", "is not the one that was sealed"},
		} {
			t.Run(w.environment+" "+name, func(t *testing.T) {
				folder, temp := t.TempDir(), t.TempDir()
				require.NoError(t, os.Symlink(magetest.Program(t), filepath.Join(folder, "deploy-targets")))
				require.NoError(t, os.MkdirAll(filepath.Join(folder, growl.Terraform), 0o755))
				env := infra.ConventionalEnvFile(filepath.Join(folder, growl.Terraform), w.environment)
				require.NoError(t, os.WriteFile(env.Path, []byte(content), 0o600))
				_, err := env.WriteSeal(nil)
				require.NoError(t, err)
				require.NoError(t, os.Remove(env.Path))

				code, output := runStep(t, folder, script, "KEY=the key", "KNOWN_HOSTS=", "ENV_FILE="+test.secret,
					"RUNNER_TEMP="+temp, "GITHUB_ENV="+filepath.Join(temp, "env"), "GITHUB_ACTIONS=true")
				if test.want != "" {
					assert.NotZero(t, code)
					assert.Contains(t, output, test.want)
					return
				}
				require.Zero(t, code, "%s", output)
				written, err := os.ReadFile(env.Path)
				require.NoError(t, err)
				assert.Equal(t, content, string(written))
				for _, file := range []string{env.Path, filepath.Join(temp, "ssh", "key"), filepath.Join(temp, "ssh", "known_hosts")} {
					info, err := os.Stat(file)
					require.NoError(t, err)
					assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
				}
				assert.Contains(t, output, "::add-mask::"+canary)
				set, err := os.ReadFile(filepath.Join(temp, "env"))
				require.NoError(t, err)
				assert.Contains(t, string(set), "SSH_KEY="+temp+"/ssh/key\n")
				assert.NotContains(t, string(set), canary)
			})
		}
	}
}

// TestProdIsDeployedByThoseWhoMay: where required reviewers cannot be had, a variable names the people.
func TestProdIsDeployedByThoseWhoMay(t *testing.T) {
	script := stepScript(t, "deploy-prod.yml", "Check who runs it")
	for actor, code := range map[string]int{"ann": 0, "Bob": 0, "eve": 1, "an": 1, "ann bob": 1, "": 1, "*": 1} {
		got, output := runStep(t, t.TempDir(), script, "ACTOR="+actor, "DEPLOYERS=Ann bob")
		assert.Equal(t, code, got, "%q: %s", actor, output)
	}
	assert.Contains(t, workflows(t)["deploy-prod.yml"], "      - name: Check who runs it\n        if: vars.PROD_DEPLOYERS != ''\n        env:\n          ACTOR: ${{ github.triggering_actor }}\n")
}
