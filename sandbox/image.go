package sandbox

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

// helper is the stand-in's program in an image.
const helper = "/bin/stand-in"

// release describes an image.
type release struct {
	commit  string
	service Service
	// files are the image's programs by their absolute paths.
	files map[string][]byte
	// entrypoint is the path of the program that runs.
	entrypoint string
	// standIn configures the stand-in, if it runs.
	standIn standin.Config
	// check is the interval of the container's own health checks; zero means that it has none.
	check   time.Duration
	created time.Time
}

// commitOf returns the commit SHA of a release, which is the same in every environment.
func commitOf(service, name string) string {
	sum := sha256.Sum256([]byte(service + " " + name))
	return hex.EncodeToString(sum[:20])
}

// image makes an OCI image of one layer for this machine's system.
func (r release) image() (v1.Image, error) {
	archive, err := r.archive()
	if err != nil {
		return nil, fmt.Errorf("make image of %s: %w", r.commit, err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }
	// The layer is gzip without compression, because compressing it and decompressing it on every instance would cost more
	// than sending the bytes over loopback.
	layer, err := tarball.LayerFromOpener(open,
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.NoCompression), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("make image of %s: %w", r.commit, err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	config, err := r.config()
	if err != nil {
		return nil, err
	}
	image, err := mutate.ConfigFile(base, config)
	if err == nil {
		image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{
			Created: v1.Time{Time: r.created}, CreatedBy: "COPY " + r.entrypoint,
		}})
	}
	if err != nil {
		return nil, fmt.Errorf("make image of %s: %w", r.commit, err)
	}
	return image, nil
}

// config returns the image's configuration, as a build from a Dockerfile makes it.
func (r release) config() (*v1.ConfigFile, error) {
	env, err := r.env()
	if err != nil {
		return nil, err
	}
	return &v1.ConfigFile{
		Architecture: runtime.GOARCH,
		OS:           runtime.GOOS,
		Created:      v1.Time{Time: r.created},
		RootFS:       v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Env:          env,
			Entrypoint:   []string{r.entrypoint},
			Labels:       r.service.Labels,
			Healthcheck:  r.healthCheck(),
			ExposedPorts: map[string]struct{}{fmt.Sprintf("%d/tcp", r.service.ContainerPort): {}},
			User:         "65534:65534",
		},
	}, nil
}

// env returns the image's environment variables.
func (r release) env() ([]string, error) {
	standIn, err := r.standIn.Encode()
	if err != nil {
		return nil, err
	}
	env := []string{
		"GIT_COMMIT=" + r.commit, fmt.Sprintf("PORT=%d", r.service.ContainerPort),
		// Without a network namespace the service would otherwise be reachable from other machines.
		"LISTEN_HOST=127.0.0.1",
		standin.Variable + "=" + standIn, standin.CountFileVariable + "=" + r.service.CountFile,
	}
	for _, name := range slices.Sorted(maps.Keys(r.service.Env)) {
		env = append(env, name+"="+r.service.Env[name])
	}
	return env, nil
}

func (r release) healthCheck() *v1.HealthConfig {
	if r.check == 0 {
		return nil
	}
	return &v1.HealthConfig{Test: []string{"CMD", helper, "check"}, Interval: r.check}
}

// archive returns the layer as a tar archive. It has the programs and a file with the commit, so that the layers of two
// releases differ.
func (r release) archive() ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(path string, mode int64, content []byte) error {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: path[1:], Mode: mode, Size: int64(len(content)), ModTime: r.created}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(r.files)) {
		if err := add(path, 0o755, r.files[path]); err != nil {
			return nil, err
		}
	}
	if err := add("/COMMIT", 0o644, []byte(r.commit+"\n")); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}
