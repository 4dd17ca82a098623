package growl_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/magetest"
)

// plannedTerraform is a terraform whose plan is plan.json. It records an apply.
const plannedTerraform = `#!/bin/sh
case "$1 $2" in
"version "*) echo '{"terraform_version":"1.11.4"}' ;;
"workspace list") printf '  default\n* prod\n' ;;
"show "*) cat plan.json ;;
"apply "*) : >applied ;;
"plan "*)
  for argument; do case $argument in -out=*) : >"${argument#-out=}" ;; esac; done
  exit 2 ;;
esac
`

// planned is a checkout whose Terraform makes a plan that was recorded from the
// product's configuration.
type planned struct {
	t    *testing.T
	root string
}

func newPlanned(t *testing.T, plan string) *planned {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("sh is not on PATH")
	}
	content, err := os.ReadFile(filepath.Join("..", "..", "infra", "testdata", "plans", plan+".json"))
	require.NoError(t, err)
	return newPlannedOf(t, string(content))
}

// newPlannedOf is newPlanned with a plan's JSON.
func newPlannedOf(t *testing.T, plan string) *planned {
	t.Helper()
	p := &planned{t, t.TempDir()}
	for name, text := range map[string]string{
		"bin/terraform": plannedTerraform, terraformDir + "/terraform-prod.tfvars": "", terraformDir + "/.env.prod": canaryEnv,
		terraformDir + "/plan.json": plan,
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(p.root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(p.root, name), []byte(text), 0o700))
	}
	code, output := p.run(nil, "env:seal")
	require.Zero(t, code, output)
	return p
}

// run runs a target. typed is the input at a terminal; nil means that there is no terminal.
func (p *planned) run(typed []byte, args ...string) (code int, output string) {
	p.t.Helper()
	cmd := exec.Command(magetest.Program(p.t), args...)
	cmd.Dir = p.root
	cmd.Env = place{}.environ("PATH="+filepath.Join(p.root, "bin")+":"+os.Getenv("PATH"), "TF_STATE_BUCKET=")
	if typed != nil {
		terminal, keyboard := openTerminal(p.t)
		_, err := keyboard.Write(typed)
		require.NoError(p.t, err)
		cmd.Stdin = terminal
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String()
}

func (p *planned) applied() bool {
	_, err := os.Stat(filepath.Join(p.root, terraformDir, "applied"))
	return err == nil
}

// openTerminal opens a pseudoterminal of Linux.
func openTerminal(t *testing.T) (terminal, keyboard *os.File) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the test opens a terminal as Linux does")
	}
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	var unlock, number int32
	const unlockPTY, numberOfPTY = 0x40045431, 0x80045430
	for request, value := range map[uintptr]*int32{unlockPTY: &unlock, numberOfPTY: &number} {
		_, _, fault := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), request, uintptr(unsafe.Pointer(value)))
		require.Zero(t, fault)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = terminal.Close() })
	return terminal, keyboard
}

func TestAnApplyToProdAsksAtATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		typed   []byte
		flags   []string
		code    int
		applied bool
	}{
		"the environment's name":    {[]byte("prod\n"), nil, 0, true},
		"another name":              {[]byte("dev\n"), nil, 1, false},
		"nothing":                   {[]byte("\n"), nil, 1, false},
		"-yes":                      {[]byte("\n"), []string{"-yes"}, 0, true},
		"no terminal, as in CI":     {nil, nil, 0, true},
		"-oneByOne takes none here": {[]byte("no\n"), []string{"-oneByOne"}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlanned(t, "output")
			code, output := p.run(c.typed, append([]string{"infra:apply", "prod"}, c.flags...)...)
			assert.Equal(t, c.code, code, output)
			assert.Equal(t, c.applied, p.applied(), output)
			if !c.applied {
				assert.Contains(t, output, "Apply 1 changes to prod? Type prod to go on: ")
				assert.Contains(t, output, "not confirmed: nothing was touched")
			}
		})
	}
}

func TestAPlanShowsWhoMadeEachChange(t *testing.T) {
	_, output := newPlanned(t, "output").run(nil, "infra:plan", "prod")
	assert.Contains(t, output, "not applied, the code was changed: output.alarms (update)\n")
	_, output = newPlanned(t, "parameter-settled").run(nil, "infra:plan", "prod")
	assert.Contains(t, output, "drift, AWS was changed: aws_ssm_parameter.env (replace: value)\n")
}

func TestACheckThatIsNotOfTheSecurityGroupsWarns(t *testing.T) {
	failed := `{"format_version":"1.2","checks":[{"address":{"kind":"check","to_display":"check.certificate"},"status":"fail",
		"instances":[{"address":{"to_display":"check.certificate"},"status":"fail","problems":[{"message":"prod serves plain TCP"}]}]}]}`
	p := newPlannedOf(t, failed)
	for _, command := range []string{"infra:plan", "infra:drift", "infra:apply"} {
		code, output := p.run(nil, command, "prod")
		assert.Zero(t, code, output)
		assert.Contains(t, output, "WARNING Terraform's check.certificate: prod serves plain TCP\n", command)
	}
	assert.False(t, p.applied(), "there was nothing to apply")
}

func TestAnApplyThatLeavesAnOpenedRuleFails(t *testing.T) {
	p := newPlanned(t, "opened")
	code, output := p.run(nil, "infra:apply", "prod")
	assert.Equal(t, 1, code, output)
	assert.Contains(t, output, "remove the security group rule that check.security_groups names by hand")
	assert.False(t, p.applied())
}

// A missing secret makes a file of one newline.
func TestAnEmptyEnvFileIsNeitherSealedNorApplied(t *testing.T) {
	p := newPlanned(t, "output")
	file := filepath.Join(p.root, terraformDir, ".env.prod")
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	for _, command := range [][]string{{"env:seal"}, {"infra:apply", "prod"}, {"infra:apply", "prod", "-oneByOne"}} {
		code, output := p.run(nil, command...)
		assert.Equal(t, 1, code, "%s: %s", command, output)
		assert.Contains(t, output, "it has no variable, as when a secret is missing", command)
	}
	code, output := p.run(nil, "infra:drift", "prod")
	assert.Equal(t, 1, code, output)
	assert.Contains(t, output, "the env file is not the one that was sealed")
	assert.NotContains(t, output, "not applied")
	code, output = p.run(nil, "infra:apply", "prod", "-allowEmptyEnv")
	assert.Equal(t, 1, code, output)
	assert.Contains(t, output, "the env file is not the one that was sealed")
	assert.False(t, p.applied())

	code, output = p.run(nil, "env:seal", "-allowEmptyEnv")
	require.Zero(t, code, output)
	code, output = p.run(nil, "infra:apply", "prod", "-allowEmptyEnv")
	assert.Zero(t, code, output)
	assert.True(t, p.applied())
}
