package targets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/report"
)

// Env looks after the env files, which are never committed, and their seals, which are.
type Env mg.Namespace

// Seal writes the SHA-256 of each env file that is here to its seal.
func (Env) Seal(
	// seal a file without a variable, too
	allowEmptyEnv *bool,
) (err error) {
	defer cleanError(&err)
	for _, name := range environments() {
		if _, err := os.Stat(envFileOf(name).Path); errors.Is(err, fs.ErrNotExist) {
			printf("%s: no env file here, its seal stays\n", name)
			continue
		}
		changed, err := envFileOf(name).WriteSeal(envFileCheck(allowEmptyEnv))
		if err != nil {
			return err
		}
		printf("%s: %s\n", name, map[bool]string{true: "sealed anew", false: "the seal holds"}[changed])
	}
	return nil
}

// Check compares the env files that are here with their seals.
func (Env) Check() (err error) {
	defer cleanError(&err)
	var faults []error
	for _, name := range environments() {
		if _, err := os.Stat(envFileOf(name).Path); errors.Is(err, fs.ErrNotExist) {
			printf("%s: no env file here\n", name)
			continue
		}
		faults = append(faults, envFileOf(name).CheckSeal(checkEnvFile))
	}
	return errors.Join(faults...)
}

// Mask makes GitHub's runner mask the values of an environment's env file, and parts of them such as a URL's password.
func (Env) Mask(environment string) (err error) {
	defer cleanError(&err)
	if !slices.Contains(environments(), environment) {
		return usage("unknown environment %q: want one of %s", environment, strings.Join(environments(), ", "))
	}
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return usage("env:mask prints what is secret, which only GitHub's runner takes without showing it: run it in GitHub Actions")
	}
	file := envFileOf(environment).Path
	content, err := os.ReadFile(file)
	if err != nil {
		return unreadable("env file", file, err)
	}
	variables, err := docker.ParseEnvFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("mask the values of %s: %w", file, err)
	}
	printCommands(report.Masks(docker.NewSecrets(variables).Values()))
	return nil
}
