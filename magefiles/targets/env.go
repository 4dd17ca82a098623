package targets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/report"
)

// Env checks the env files, which are never committed, and their seals, which are.
type Env mg.Namespace

// Seal writes the SHA-256 of each env file that is here to its seal.
func (Env) Seal(
	// seal a file without a variable, too
	allowEmptyEnv *bool,
) (err error) {
	defer console.CleanError(&err)
	files, err := envFiles()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, err := os.Stat(files[name].Path); errors.Is(err, fs.ErrNotExist) {
			console.Printf("%s: no env file here, its seal stays\n", name)
			continue
		}
		if content, err := os.ReadFile(files[name].Path); err == nil {
			for _, remark := range docker.EnvFileRemarks(content) {
				console.Printf("%s: WARNING %s %s\n", name, files[name].Path, remark)
			}
		}
		changed, err := files[name].WriteSeal(envFileCheck(allowEmptyEnv))
		if err != nil {
			return err
		}
		console.Printf("%s: %s\n", name, map[bool]string{true: "sealed anew", false: "the seal holds"}[changed])
	}
	return nil
}

// Check compares the env files that are here with their seals.
func (Env) Check() (err error) {
	defer console.CleanError(&err)
	files, err := envFiles()
	if err != nil {
		return err
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, err := os.Stat(files[name].Path); errors.Is(err, fs.ErrNotExist) {
			console.Printf("%s: no env file here\n", name)
			continue
		}
		faults = append(faults, files[name].CheckSeal(checkEnvFile))
	}
	return errors.Join(faults...)
}

// Mask makes GitHub's runner mask the values of an environment's env file, and parts of them such as a URL's password.
func (Env) Mask(environment string) (err error) {
	defer console.CleanError(&err)
	terraform, err := terraformOf(environment)
	if err != nil {
		return err
	}
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return console.Usage("env:mask prints what is secret, which only GitHub's runner takes without showing it: run it in GitHub Actions")
	}
	file := terraform.EnvFile(environment).Path
	if file == "" {
		return console.Usage("%s has no env file: EnvFiles is not set where the service declares it", environment)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the env file: %w", err)
	}
	variables, err := docker.ParseEnvFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("mask the values of %s: %w", file, err)
	}
	console.Commands(report.Masks(docker.NewSecrets(variables).Values()))
	return nil
}

// envFiles returns the env files of the service's environments, or an error if it declares none.
func envFiles() (map[string]infra.EnvFile, error) {
	declared, err := service()
	if err != nil {
		return nil, err
	}
	files := map[string]infra.EnvFile{}
	for name, e := range declared.Environments {
		if terraform, ok := e.Fleet.(infra.Terraform); ok && terraform.EnvFiles {
			files[name] = terraform.EnvFile(name)
		}
	}
	if len(files) == 0 {
		return nil, console.Usage("no environment of %s has an env file: its declaration has no infra.Terraform with EnvFiles", declared.Name)
	}
	return files, nil
}

// checkEnvFile returns an error for bytes that are not an env file. The error holds no value.
func checkEnvFile(content []byte) error {
	_, err := docker.ParseEnvFile(bytes.NewReader(content))
	return err
}

// envFileCheck returns checkEnvFile, which also refuses a file without a variable unless allowEmpty is set. A missing
// secret makes such a file, and an apply would give it to every instance.
func envFileCheck(allowEmpty *bool) func([]byte) error {
	return func(content []byte) error {
		variables, err := docker.ParseEnvFile(bytes.NewReader(content))
		if err == nil && len(variables) == 0 && !set(allowEmpty) {
			err = errors.New("it has no variable, as when a secret is missing: write the variables to it, or add -allowEmptyEnv if the service needs none")
		}
		return err
	}
}
