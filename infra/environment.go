package infra

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/growl-dev/deploy/internal/oneline"
)

// Options selects an environment and its configuration. Dir and Environment have no default.
type Options struct {
	// Environment is its name, such as dev: lower-case letters, digits and hyphens.
	Environment string
	// Workspace is the Terraform workspace that holds its state. Empty: the environment's name.
	Workspace string
	// Bucket is the S3 bucket of the state. terraform init gets it as -backend-config=bucket=BUCKET. Plans get it as
	// the variable state_bucket, because policies name the bucket too. Empty: the configuration names its backend
	// itself, and has no such variable.
	Bucket string
	// Dir is the folder of the Terraform configuration.
	Dir string
	// VarFile holds the environment's variables. Empty: terraform-ENVIRONMENT.tfvars in Dir.
	VarFile string
	// EnvFile is a file that the configuration reads, so that no plan succeeds without it, and its seal; both may be
	// relative to Dir. The zero value: there is none.
	EnvFile EnvFile
	// DataDir is Terraform's data directory for this environment alone: plugins, the selected workspace, plan files.
	// Empty: .terraform/ENVIRONMENT in Dir.
	DataDir string
	// Program is the terraform binary. Empty: the one in PATH.
	Program string
	// Show receives Terraform's output of plans and applies, for people. It contains no secrets as far as the
	// configuration marks them as sensitive. Nil: the output is discarded.
	Show io.Writer
}

// Environment runs Terraform for one environment. Its methods may not be called concurrently, because Terraform's data
// directory does not allow that.
type Environment struct {
	name      string
	workspace string
	bucket    string
	dir       string
	varFile   string
	envFile   EnvFile
	dataDir   string
	program   string
	// quiet discards Terraform's output, because the output of some commands holds secrets. loud is for plans and
	// applies.
	quiet, loud *tfexec.Terraform
}

// interruptGrace is the time that an interrupted Terraform has to end. If it were killed, it would leave its lock and
// lose track of the resources that it created.
const interruptGrace = 15 * time.Minute

var (
	environmentName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	bucketName      = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// Open checks whether Terraform can run for the environment: it returns an error if the program, the configuration, the
// variable file or the env file is missing. It runs nothing yet.
func Open(o Options) (*Environment, error) {
	e, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("open the infrastructure of %s: %w", o.Environment, err)
	}
	return e, nil
}

func open(o Options) (*Environment, error) {
	if !environmentName.MatchString(o.Environment) {
		return nil, fmt.Errorf("%q is no name of an environment: want lower-case letters, digits and hyphens, such as dev", o.Environment)
	}
	if o.Bucket != "" && !bucketName.MatchString(o.Bucket) {
		return nil, fmt.Errorf("%q is no name of an S3 bucket", o.Bucket)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath(cmp.Or(o.Program, "terraform"))
	if err != nil {
		return nil, fmt.Errorf("terraform is needed, %s or newer: https://developer.hashicorp.com/terraform/install: %w", oldest, err)
	}
	e := &Environment{
		name: o.Environment, workspace: cmp.Or(o.Workspace, o.Environment), bucket: o.Bucket,
		dir: dir, program: program,
		varFile: absolute(dir, cmp.Or(o.VarFile, ConventionalVarFile("", o.Environment))),
		dataDir: absolute(dir, cmp.Or(o.DataDir, filepath.Join(".terraform", o.Environment))),
		envFile: o.EnvFile.in(dir),
	}
	if err := e.readable(); err != nil {
		return nil, err
	}
	if err := strayVariables(dir); err != nil {
		return nil, err
	}
	if e.quiet, err = e.terraform(nil); err != nil {
		return nil, err
	}
	e.loud, err = e.terraform(o.Show)
	return e, err
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// readable returns one error that names every missing file.
func (e *Environment) readable() error {
	faults := []error{readable(e.varFile, "it is committed: is this the right folder?")}
	if e.envFile.Path != "" {
		faults = append(faults, readable(e.envFile.Path, "it is never committed: get it from whoever runs "+e.name+", and see with go tool mage env:check that it is the sealed one"))
	}
	return oneline.Error(errors.Join(faults...))
}

// readable returns an error if a file cannot be opened, with the remedy if it does not exist.
func readable(path, remedy string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s does not exist: %s", path, remedy)
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// terraform returns a runner with this process's environment, but without variables that would change a plan, so that
// Terraform's variables come from the committed file alone.
func (e *Environment) terraform(show io.Writer) (*tfexec.Terraform, error) {
	tf, err := tfexec.NewTerraform(e.dir, e.program)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	env = tfexec.CleanEnv(env)
	env["TF_DATA_DIR"] = e.dataDir
	// Terraform must not call its maker's server to check for updates.
	env["CHECKPOINT_DISABLE"] = "1"
	if err := tf.SetEnv(env); err != nil {
		return nil, err
	}
	if show != nil {
		tf.SetStdout(show)
	}
	return tf, tf.SetWaitDelay(interruptGrace)
}
