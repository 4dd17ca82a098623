package targets

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/internal/console"
)

// HostKeys makes the SSH host keys that instances fetch at their first boot, signed by the environment's CA, and has known_hosts trust that CA.
func (Infra) HostKeys(ctx context.Context, environment string,
	// file of the CA's private key, made if it does not exist; default ~/.ssh/SERVICE-ca-ENVIRONMENT
	ca *string,
	// name of the one instance to make a key for; default all in the tfvars
	instance *string,
) (err error) {
	defer console.CleanError(&err)
	terraform, err := terraformOf(environment)
	if err != nil {
		return err
	}
	variables, err := infra.ReadVariables(infra.ConventionalVarFile(terraform.Dir, environment))
	if err != nil {
		return err
	}
	names, err := instanceNames(variables, value(instance, ""))
	if err != nil {
		return err
	}
	authority, err := openCA(environment, value(ca, ""))
	if err != nil {
		return err
	}
	if err := trustCA(terraform.Dir, authority, variables); err != nil {
		return err
	}
	for _, name := range names {
		if err := putHostKey(ctx, terraform.Parameters+"/"+environment, authority, variables, name); err != nil {
			return err
		}
		console.Printf("%s: its host key is in the parameter store\n", name)
	}
	return nil
}

// instanceNames returns the names of all instances, or of the given one.
func instanceNames(variables infra.Variables, only string) ([]string, error) {
	names := slices.Sorted(maps.Keys(variables.Instances))
	if only == "" {
		return names, nil
	}
	if !slices.Contains(names, only) {
		return nil, console.Usage("there is no instance %q in the tfvars of %s: want one of %s", only, variables.Environment, strings.Join(names, ", "))
	}
	return []string{only}, nil
}

func openCA(environment, path string) (*infra.Authority, error) {
	home, err := os.UserHomeDir()
	if err != nil && path == "" {
		return nil, fmt.Errorf("locate the SSH CA of %s: %w: name its file with -ca", environment, err)
	}
	return infra.OpenAuthority(environment, cmp.Or(path, filepath.Join(home, ".ssh", declared.Name+"-ca-"+environment)))
}

// trustCA adds the CA's line to the repository's known_hosts, unless the file contains it.
func trustCA(dir string, authority *infra.Authority, variables infra.Variables) error {
	line, err := authority.KnownHosts(variables.CIDR)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "known_hosts")
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the known hosts: %w", err)
	}
	if slices.Contains(strings.Split(string(content), "\n"), line) {
		return nil
	}
	text := strings.TrimRight(string(content), "\n") + "\n" + line + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("trust the SSH CA: %w", err)
	}
	console.Printf("%s trusts the CA now: commit it\n", path)
	return nil
}

// putHostKey writes an instance's key to the parameter that its first boot reads. The AWS CLI reads the key from a file
// that only this user may read, and that is removed afterwards.
func putHostKey(ctx context.Context, prefix string, authority *infra.Authority, variables infra.Variables, name string) error {
	key, err := authority.SignHost(name, variables.Instances[name].String(), 0)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "host-key-")
	if err != nil {
		return fmt.Errorf("put the %s: %w", key, err)
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "parameter.json")
	if err := key.WriteParameter(file, prefix); err != nil {
		return err
	}
	put := exec.CommandContext(ctx, "aws", "ssm", "put-parameter", "--region", variables.Region, "--cli-input-json", "file://"+file)
	if _, err := put.Output(); err != nil {
		return fmt.Errorf("put the %s: aws ssm put-parameter: %w: it needs the AWS CLI, and credentials that may write the parameter", key, console.WithLastLine(err))
	}
	return nil
}
