package upkeep

import (
	"bytes"
	"context"
	"errors"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/internal/githook"
	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/remote/docker"
)

// Hooks keep env files and secrets out of commits.
type Hooks mg.Namespace

// Install sets git's pre-commit hook up, for all worktrees of this clone.
func (Hooks) Install(ctx context.Context) (err error) {
	defer console.CleanError(&err)
	done, err := githook.Install(ctx)
	if err != nil {
		return err
	}
	console.Printf("%s\n", done)
	return nil
}

// Run runs the pre-commit hook: it refuses env files and tfvars with secrets, and seals changed env files.
func (Hooks) Run(ctx context.Context) (err error) {
	defer console.CleanError(&err)
	sealed, err := githook.Hook{EnvFiles: envFiles(), Check: checkEnvFile}.Run(ctx)
	for _, text := range sealed {
		console.Printf("%s\n", text)
	}
	return err
}

// envFiles returns the env files of the environments that have one.
func envFiles() map[string]infra.EnvFile {
	files := map[string]infra.EnvFile{}
	for name, e := range growl.Service().Environments {
		if made, ok := e.Fleet.(infra.Terraform); ok && made.EnvFiles {
			files[name] = made.EnvFile(name)
		}
	}
	return files
}

// checkEnvFile returns an error for bytes that are not an env file, and for a file without a variable, which a missing
// secret makes. The error holds no value.
func checkEnvFile(content []byte) error {
	variables, err := docker.ParseEnvFile(bytes.NewReader(content))
	if err == nil && len(variables) == 0 {
		err = errors.New("it has no variable, as when a secret is missing: write the variables to it, or run go tool mage env:seal -allowEmptyEnv if the service needs none")
	}
	return err
}

// Env checks the env files, which are never committed, and their seals, which are.
type Env mg.Namespace

// Guard searches committed tfvars for secrets, by gitleaks' rules, and names file, line and rule.
func (Env) Guard(ctx context.Context) (err error) {
	defer console.CleanError(&err)
	return githook.Guard(ctx)
}
