package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// login logs in to a registry with a temporary configuration folder, which remove removes, so that neither the token
// nor a credential helper touches the user's. The token is passed on standard input.
func login(ctx context.Context, r Registry) (cli docker, remove func() error, err error) {
	user, password, err := r.Login(ctx)
	if err != nil {
		return docker{}, nil, err
	}
	host, _, _ := strings.Cut(r.URI(), "/")
	dir, err := privateConfig(host)
	if err != nil {
		return docker{}, nil, fmt.Errorf("make a Docker configuration of its own: %w", err)
	}
	cli, remove = docker{config: dir}, func() error { return os.RemoveAll(dir) }
	ask := cli.command(queryLimit, "login", "--username", user, "--password-stdin", host)
	ask.in = strings.NewReader(password)
	if err := ask.run(ctx); err != nil {
		return docker{}, nil, errors.Join(fmt.Errorf("log in to %s: %w", host, err), remove())
	}
	return cli, remove, nil
}

// settings are the fields of Docker's config.json that a temporary configuration needs.
type settings struct {
	// Auths holds an empty login, because without any the CLI uses a credential helper of the user's.
	Auths          map[string]struct{} `json:"auths"`
	CurrentContext string              `json:"currentContext,omitempty"`
}

// privateConfig makes a configuration folder that only this user can read. Its engine is that of the user's current
// context.
func privateConfig(host string) (dir string, err error) {
	users := userConfig()
	var its settings
	content, err := os.ReadFile(filepath.Join(users, "config.json"))
	if err == nil {
		err = json.Unmarshal(content, &its)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", filepath.Join(users, "config.json"), err)
	}
	if dir, err = os.MkdirTemp("", "docker-config-"); err != nil {
		return "", err
	}
	content, err = json.Marshal(settings{map[string]struct{}{host: {}}, its.CurrentContext})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), content, 0o600)
	}
	if err == nil {
		err = os.Symlink(filepath.Join(users, "contexts"), filepath.Join(dir, "contexts"))
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// userConfig returns the folder of the user's Docker configuration.
func userConfig() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, _ := os.UserHomeDir() // without one there is no configuration either
	return filepath.Join(home, ".docker")
}
