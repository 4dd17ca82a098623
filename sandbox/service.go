package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/growl-dev/deploy/sandbox/internal/engine"
	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

// Defaults of a [Service].
const (
	DefaultName       = "app"
	DefaultPort       = 8080
	DefaultHealthPath = "/healthz"
)

// maxPool is the largest number of connections of a container to its database.
const maxPool = 1000

// Service is the service that the environment runs: both releases are images of it. The zero value is a usable one.
//
// Without a Program, the sandbox's own stand-in runs in the containers. It needs nothing of the service: it answers
// HealthPath with 200, VersionPath with a JSON object whose field "commit" is the release's, and every other path with
// 200 and a small JSON object. When it is stopped, it finishes the requests in flight.
type Service struct {
	// Name is the name of the container and of the image repository, and the beginning of the names of the instances
	// and of the target group. Empty: app.
	Name string
	// HostPort is the instances' port that the load balancer connects to. Zero: 8080.
	HostPort int
	// ContainerPort is the port that the service listens on in its container. Zero: HostPort.
	ContainerPort int
	// HealthPath answers 200 when the service is ready. Empty: /healthz.
	HealthPath string
	// VersionPath answers with the commit. Empty: the service has no such path.
	VersionPath string
	// CountField is the field of VersionPath's answer that counts connections which carried a request other than for
	// HealthPath and VersionPath. Empty: there is none.
	CountField string
	// CountFile is a file in the container, under a mount, that holds the same count. Empty: there is none.
	CountFile string
	// EnvFile is the path on the instances of the file with the service's variables. Empty: there is none.
	EnvFile string
	// Mounts are folders of the instances that the container has. They exist from the start.
	Mounts []Mount
	// DrainSignal makes the stand-in end each connection after the next answer, and UndrainSignal reverses that. Both are
	// names such as SIGUSR1. Empty: no signal does. Every other signal that ends a program ends the stand-in.
	DrainSignal, UndrainSignal string
	// Program is the folder of a Go program that is compiled, without cgo, and runs instead of the stand-in. A relative
	// path is resolved in the working directory, and then in each folder above it. The program must listen on the port
	// PORT of the address LISTEN_HOST, which are environment variables, because a container of the sandbox has no
	// network of its own. GIT_COMMIT is the release's commit. Empty: the stand-in runs.
	Program string
	// Env are further variables that the images set. A value that is a mount's target, or a path under it, becomes the path
	// of that mount on this machine.
	Env map[string]string
	// Labels are the labels of the images.
	Labels map[string]string
	// Pool is the number of connections that each container keeps to a database.
	Pool int
	// HealthCheck is the interval of a container's own health checks, before it is divided by the factor. Zero: it has none.
	HealthCheck time.Duration
}

// Mount binds a folder of the instance into the container. Both paths are absolute.
type Mount struct{ Source, Target string }

// serviceName is a name that a container and a repository may have.
var serviceName = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

func (s Service) withDefaults() Service {
	s.Name = cmp.Or(s.Name, DefaultName)
	s.HostPort = cmp.Or(s.HostPort, DefaultPort)
	s.ContainerPort = cmp.Or(s.ContainerPort, s.HostPort)
	s.HealthPath = cmp.Or(s.HealthPath, DefaultHealthPath)
	s.Mounts = slices.Clone(s.Mounts)
	s.Env, s.Labels = maps.Clone(s.Env), maps.Clone(s.Labels)
	return s
}

// validate reports every fault of a service with its defaults.
func (s Service) validate() error {
	var faults []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf("service "+format, args...))
		}
	}
	refuse(!serviceName.MatchString(s.Name), "name %q is not lower-case letters and digits with single separators between, such as orders-api", s.Name)
	refuse(s.HostPort < 1 || s.HostPort > 65535, "host port %d is not between 1 and 65535", s.HostPort)
	refuse(s.ContainerPort < 1 || s.ContainerPort > 65535, "container port %d is not between 1 and 65535", s.ContainerPort)
	refuse(!strings.HasPrefix(s.HealthPath, "/"), "health path %q does not begin with /", s.HealthPath)
	refuse(s.VersionPath != "" && !strings.HasPrefix(s.VersionPath, "/"), "version path %q does not begin with /", s.VersionPath)
	refuse(s.VersionPath == s.HealthPath, "version path %q is its health path too", s.VersionPath)
	refuse(s.CountField != "" && s.VersionPath == "", "count field %q is of no version path", s.CountField)
	refuse(s.CountField == "service" || s.CountField == "commit", "count field %q has another meaning already", s.CountField)
	refuse(s.EnvFile != "" && !path.IsAbs(s.EnvFile), "env file %q is not an absolute path", s.EnvFile)
	for _, m := range s.Mounts {
		refuse(!path.IsAbs(m.Source) || !path.IsAbs(m.Target), "mount %s:%s has a path that is not absolute", m.Source, m.Target)
	}
	refuse(s.CountFile != "" && !s.mounted(s.CountFile), "count file %q is under no mount", s.CountFile)
	for _, signal := range []string{s.DrainSignal, s.UndrainSignal} {
		_, err := signalOf(signal)
		refuse(err != nil, "signal %q is none", signal)
	}
	refuse(s.Pool < 0 || s.Pool > maxPool, "pool of %d connections is not between 0 and %d", s.Pool, maxPool)
	refuse(s.HealthCheck < 0, "health check every %s is negative", s.HealthCheck)
	return errors.Join(faults...)
}

// mounted reports whether a file of the container is under a mount.
func (s Service) mounted(file string) bool {
	return slices.ContainsFunc(s.Mounts, func(m Mount) bool {
		return strings.HasPrefix(path.Clean(file), strings.TrimSuffix(path.Clean(m.Target), "/")+"/")
	})
}

// sources returns the mounts' folders on an instance.
func (s Service) sources() (folders []string) {
	for _, m := range s.Mounts {
		folders = append(folders, m.Source)
	}
	return folders
}

// signalOf returns the signal with this name, and 0 for no name.
func signalOf(name string) (syscall.Signal, error) {
	if name == "" {
		return 0, nil
	}
	return engine.ParseSignal(name)
}

// standIn returns the configuration of the stand-in for a service that was validated.
func (s Service) standIn() standin.Config {
	drain, _ := signalOf(s.DrainSignal)
	undrain, _ := signalOf(s.UndrainSignal)
	return standin.Config{
		Name: s.Name, HealthPath: s.HealthPath, VersionPath: s.VersionPath, CountField: s.CountField,
		DrainSignal: drain, UndrainSignal: undrain,
	}
}
