package targets

import (
	"bytes"
	"errors"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/remote/docker"
)

// envFileOf is the env file of an environment, and its seal.
func envFileOf(environment string) infra.EnvFile {
	return infra.ConventionalEnvFile(terraformDir, environment)
}

// checkEnvFile reports whether bytes are an env file; its error holds no value.
func checkEnvFile(content []byte) error {
	_, err := docker.ParseEnvFile(bytes.NewReader(content))
	return err
}

// envFileCheck is checkEnvFile, and unless allowEmpty is set it refuses a file
// without a variable: that is what a missing secret makes, and an apply would give it
// to every instance.
func envFileCheck(allowEmpty *bool) func([]byte) error {
	return func(content []byte) error {
		variables, err := docker.ParseEnvFile(bytes.NewReader(content))
		if err == nil && len(variables) == 0 && !set(allowEmpty) {
			err = errors.New("it has no variable, as when a secret is missing: write the variables to it, or add -allowEmptyEnv if the service needs none")
		}
		return err
	}
}
