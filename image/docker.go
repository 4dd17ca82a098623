package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

const (
	// queryLimit bounds a command that transfers no image.
	queryLimit = time.Minute
	// transferLimit bounds a push or a pull.
	transferLimit = 30 * time.Minute
)

// docker is the Docker CLI.
type docker struct {
	// config is its configuration folder; empty: the user's.
	config string
	// out receives the progress; nil: it is discarded.
	out io.Writer
}

func (d docker) command(limit time.Duration, args ...string) command {
	c := command{name: "docker", args: args, limit: limit}
	if d.config != "" {
		c.env = []string{"DOCKER_CONFIG=" + d.config}
	}
	return c
}

// platform returns the platform of the engine behind the CLI. It is called first, because it fails if there is no
// engine.
func (d docker) platform(ctx context.Context) (string, error) {
	platform, err := d.command(queryLimit, "version", "--format", "{{.Server.Os}}/{{.Server.Arch}}").output(ctx)
	if err != nil {
		return "", fmt.Errorf("read the version of the Docker engine: %w: start Docker, or point DOCKER_HOST at an engine that builds", err)
	}
	return platform, nil
}

// builder returns BuildKit if the CLI has the buildx plug-in.
func (d docker) builder(ctx context.Context) Builder {
	if _, err := d.command(queryLimit, "buildx", "version").output(ctx); err != nil {
		return Classic
	}
	return BuildKit
}

// inspected is the engine's description of an image.
type inspected struct {
	ID           string `json:"Id"`
	RepoDigests  []string
	Os           string
	Architecture string
	Config       config
	RootFS       struct{ Layers []string }
}

// config is the part of an image's configuration that does not depend on when and by what it was built.
type config struct {
	User, WorkingDir, StopSignal string
	Env, Entrypoint, Cmd         []string
	Labels                       map[string]string
	ExposedPorts, Volumes        map[string]struct{}
}

func (i inspected) platform() string { return i.Os + "/" + i.Architecture }

// same reports whether two images run the same files in the same way. Their IDs may differ even then, because an image
// contains the time when it was built.
func (i inspected) same(other inspected) bool {
	return i.platform() == other.platform() &&
		reflect.DeepEqual(i.RootFS.Layers, other.RootFS.Layers) &&
		reflect.DeepEqual(i.Config, other.Config)
}

// digests returns the digests of the image in a repository.
func (i inspected) digests(repository string) []string {
	var digests []string
	for _, reference := range i.RepoDigests {
		if name, digest, _ := strings.Cut(reference, "@"); name == repository {
			digests = append(digests, digest)
		}
	}
	return digests
}

// has reports whether the engine holds an image.
func (d docker) has(ctx context.Context, ref string) (bool, error) {
	id, err := d.command(queryLimit, "image", "ls", "--quiet", "--no-trunc", ref).output(ctx)
	if err != nil {
		return false, fmt.Errorf("look for image %s in the engine: %w", ref, err)
	}
	return id != "", nil
}

// inspect describes an image that the engine holds.
func (d docker) inspect(ctx context.Context, ref string) (inspected, error) {
	text, err := d.command(queryLimit, "image", "inspect", ref).output(ctx)
	if err != nil {
		return inspected{}, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	var all []inspected
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return inspected{}, fmt.Errorf("inspect image %s: read the engine's answer: %w", ref, err)
	}
	if len(all) != 1 {
		return inspected{}, fmt.Errorf("inspect image %s: the engine returned %d images", ref, len(all))
	}
	return all[0], nil
}

func (d docker) tag(ctx context.Context, ref, as string) error {
	if err := d.command(queryLimit, "image", "tag", ref, as).run(ctx); err != nil {
		return fmt.Errorf("tag image %s as %s: %w", ref, as, err)
	}
	return nil
}

func (d docker) push(ctx context.Context, ref string) error {
	push := d.command(transferLimit, "image", "push", ref)
	push.out = d.out
	if err := push.run(ctx); err != nil {
		return fmt.Errorf("upload %s: %w", ref, err)
	}
	return nil
}

func (d docker) pull(ctx context.Context, ref string) error {
	if err := d.command(transferLimit, "image", "pull", "--quiet", ref).run(ctx); err != nil {
		return fmt.Errorf("download %s: %w", ref, err)
	}
	return nil
}
