package image

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"
)

// buildLimit bounds the building of an image.
const buildLimit = 15 * time.Minute

// Options configures a build. Dir is required.
type Options struct {
	// Dir is the service's folder, in a git checkout, with its Dockerfile. The build arguments are GIT_COMMIT and
	// TARGETARCH.
	Dir string
	// Name is the name of the image in the engine, and of the program that CompileGo compiles. Empty: Dir's last
	// element.
	Name string
	// CompileGo compiles the Go module in Dir before the image is built, as the static program
	// bin/NAME-linux-$TARGETARCH, so that the Dockerfile can copy it. The Go release is the one in the module's
	// toolchain line.
	CompileGo bool
	// Platform is linux/amd64 or linux/arm64. Empty: linux/amd64.
	Platform string
	// OnlyForward makes Push leave latest alone if the pushed commit is older than the one that latest names. The zero
	// value always moves it.
	OnlyForward bool
	// Out and Err receive the output of the commands while they run. Nil: it is discarded.
	Out, Err io.Writer
}

// withDefaults fills the zero values.
func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, fmt.Errorf("no folder of a service is given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("open %s: %w", o.Dir, err)
	}
	o.Dir = dir
	if o.Name == "" {
		o.Name = filepath.Base(dir)
	}
	if o.Platform == "" {
		o.Platform = DefaultPlatform
	}
	return o, nil
}

// Image is an image in the Docker engine.
type Image struct {
	Source Source
	// Ref is its name in the engine, NAME:TAG.
	Ref string
	// ID is its ID in the engine.
	ID string
	// Platform is the platform that it runs on.
	Platform string
	// Layers are the digests of the layers' contents, from the lowest up.
	Layers []string
	// Builder is the builder that built it.
	Builder Builder
}

// Builder is a way to build images.
type Builder string

// The builders of the Docker CLI.
const (
	// BuildKit is the builder behind docker buildx.
	BuildKit Builder = "BuildKit"
	// Classic is the builder in the engine itself.
	Classic Builder = "the classic builder"
)

// Build builds the service's image, NAME:COMMIT in the engine. It uses BuildKit if the CLI has buildx, and the classic
// builder otherwise. A tree with changes is built as NAME:COMMIT-dirty.
func Build(ctx context.Context, o Options) (Image, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Image{}, fmt.Errorf("build image: %w", err)
	}
	image, err := o.build(ctx)
	if err != nil {
		return Image{}, fmt.Errorf("build image %s: %w", o.Name, err)
	}
	return image, nil
}

func (o Options) build(ctx context.Context) (Image, error) {
	arch, err := architecture(o.Platform)
	if err != nil {
		return Image{}, err
	}
	source, err := ReadSource(ctx, o.Dir)
	if err != nil {
		return Image{}, err
	}
	cli := docker{}
	engine, err := cli.platform(ctx)
	if err != nil {
		return Image{}, err
	}
	if o.CompileGo {
		if err := compile(ctx, o, arch, source.Time); err != nil {
			return Image{}, err
		}
	}
	builder := cli.builder(ctx)
	if err := o.command(builder, source, arch).run(ctx); err != nil {
		if builder == Classic && engine != o.Platform {
			err = fmt.Errorf("%w: the classic builder of an older engine builds for its own %s only: install docker buildx", err, engine)
		}
		return Image{}, err
	}
	ref := o.Name + ":" + source.Tag()
	found, err := cli.inspect(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	return Image{source, ref, found.ID, found.platform(), found.RootFS.Layers, builder}, nil
}

// command returns the command that builds the image. BuildKit takes the image's time from SOURCE_DATE_EPOCH, and its
// attestation is left out because that holds the time of the build. The classic builder does not set TARGETARCH itself.
func (o Options) command(builder Builder, source Source, arch string) command {
	c := command{name: "docker", dir: o.Dir, out: o.Out, err: o.Err, limit: buildLimit}
	common := []string{
		"--platform", o.Platform, "--tag", o.Name + ":" + source.Tag(), "--build-arg", "GIT_COMMIT=" + source.Tag(),
	}
	for _, label := range source.labels() {
		common = append(common, "--label", label)
	}
	common = append(common, ".")
	if builder == BuildKit {
		c.args = append([]string{"buildx", "build", "--load", "--provenance=false", "--sbom=false"}, common...)
		c.env = []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(source.Time.Unix(), 10)}
		return c
	}
	c.args = append([]string{"build", "--force-rm", "--build-arg", "TARGETARCH=" + arch}, common...)
	c.env = []string{"DOCKER_BUILDKIT=0"}
	return c
}

// revisionLabel is the label with the commit in an image.
const revisionLabel = "org.opencontainers.image.revision"

// labels returns the labels that the OCI image specification defines for a source.
func (s Source) labels() []string {
	labels := []string{
		revisionLabel + "=" + s.Tag(),
		"org.opencontainers.image.created=" + s.Time.Format(time.RFC3339),
	}
	if s.URL != "" {
		labels = append(labels, "org.opencontainers.image.source="+s.URL)
	}
	return labels
}
