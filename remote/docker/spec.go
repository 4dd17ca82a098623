package docker

import (
	"cmp"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// Defaults of a [Spec].
const (
	DefaultHealthPath = "/healthz"
	DefaultRestart    = "always"
	DefaultStopGrace  = 30 * time.Second
	DefaultKeep       = 3
	DefaultMinFree    = 1 << 30
	DefaultLogSize    = "10m"
	DefaultLogFiles   = 3
	// DefaultLabelPrefix is a neutral name by Docker's guideline, which wants the
	// reverse DNS notation of a domain that the author owns: the top-level domain
	// internal is reserved for private use, so that nobody else can own labels below it.
	DefaultLabelPrefix = "internal.deploy"
)

// MaxStopGrace is the longest stop grace. One act of a rollout stops the container,
// and takes [rollout.ActTimeout] at most; what is left of it creates the new container,
// renames the old one, and waits for the engine to kill what did not stop in time.
const MaxStopGrace = rollout.ActTimeout - 10*time.Second

// Spec is what the service's container is: the one description that first boot
// and every rollout share. Name and HostPort have no default.
type Spec struct {
	// Name is the container's name.
	Name string `json:"name"`
	// HostPort is the instance's TCP port, on all its addresses.
	HostPort int `json:"host_port"`
	// ContainerPort is the port the service listens on. With host networking it
	// equals HostPort. Zero: HostPort.
	ContainerPort int `json:"container_port,omitempty"`
	// Network is the network mode or the network's name. Empty: the engine's
	// default bridge. "host" shares the instance's.
	Network string `json:"network,omitempty"`
	// Mounts bind paths of the instance into the container. Their sources must
	// exist: without one the container could not start.
	Mounts []Mount `json:"mounts,omitempty"`
	// EnvFile is a file on the instance as docker run --env-file reads it. Empty:
	// none.
	EnvFile string `json:"env_file,omitempty"`
	// Env is set besides the file's variables, and wins over them. It is no place
	// for secrets: a Spec is printed and rendered.
	Env map[string]string `json:"env,omitempty"`
	// User is the user, or user:group, the service runs as. Empty: the image's.
	User string `json:"user,omitempty"`
	// Restart is the restart policy: no, always, unless-stopped, on-failure or
	// on-failure:N. Empty: always.
	Restart string `json:"restart,omitempty"`
	// Log bounds the container's log on the instance's disk.
	Log Log `json:"log,omitzero"`
	// StopSignal asks the service to stop. Empty: the image's, or SIGTERM.
	StopSignal string `json:"stop_signal,omitempty"`
	// StopGrace is how long a stopping service may take before it is killed: whole
	// seconds, because the engine takes no fractions, and [MaxStopGrace] at most.
	// Zero: 30 s. JSON has it as text, such as "30s".
	StopGrace time.Duration `json:"-"`
	// HealthPath answers 200 to GET when the service is ready. Empty: /healthz.
	HealthPath string `json:"health_path,omitempty"`
	// VersionPath answers GET with a JSON object whose field "commit" names what
	// was built. Empty: the service does not say, and is not asked.
	VersionPath string `json:"version_path,omitempty"`
	// CountField is the number in VersionPath's answer that counts connections
	// which carried a request other than a health check. Empty: there is none.
	CountField string `json:"count_field,omitempty"`
	// LabelPrefix begins the names of the labels by which a rollout recognizes its
	// containers: see [Label]. A service keeps its prefix, because a container with
	// another one is taken for a container that no rollout created. Empty:
	// [DefaultLabelPrefix].
	LabelPrefix string `json:"label_prefix,omitempty"`
	// DrainSignal and UndrainSignal are written into labels: see [LabelDrain].
	// Empty: the image's labels count.
	DrainSignal   string `json:"drain_signal,omitempty"`
	UndrainSignal string `json:"undrain_signal,omitempty"`
	// Labels are set besides those of this package.
	Labels map[string]string `json:"labels,omitempty"`
	// Keep is how many of the repository's images stay on the instance, the
	// newest ones; those in use stay anyway. Zero: 3.
	Keep int `json:"keep,omitempty"`
	// MinFreeBytes is how much disk must be free before a pull. Zero: 1 GiB.
	MinFreeBytes int64 `json:"min_free_bytes,omitempty"`
}

// Mount is a bind mount.
type Mount struct {
	// Source is an absolute path on the instance, Target one in the container.
	Source string `json:"source"`
	Target string `json:"target"`
	// ReadOnly keeps the container from writing there.
	ReadOnly bool `json:"read_only,omitempty"`
}

// Log are the options of the engine's json-file log driver.
type Log struct {
	// MaxSize is when a log file is rotated, such as "10m". Empty: 10m.
	MaxSize string `json:"max_size,omitempty"`
	// MaxFile is how many files are kept. Zero: 3.
	MaxFile int `json:"max_file,omitempty"`
}

// WithDefaults fills in what zero values stand for.
func (s Spec) WithDefaults() Spec {
	s.ContainerPort = cmp.Or(s.ContainerPort, s.HostPort)
	s.HealthPath = cmp.Or(s.HealthPath, DefaultHealthPath)
	s.Restart = cmp.Or(s.Restart, DefaultRestart)
	s.StopGrace = cmp.Or(s.StopGrace, DefaultStopGrace)
	s.LabelPrefix = cmp.Or(s.LabelPrefix, DefaultLabelPrefix)
	s.Keep = cmp.Or(s.Keep, DefaultKeep)
	s.MinFreeBytes = cmp.Or(s.MinFreeBytes, DefaultMinFree)
	s.Log.MaxSize = cmp.Or(s.Log.MaxSize, DefaultLogSize)
	s.Log.MaxFile = cmp.Or(s.Log.MaxFile, DefaultLogFiles)
	return s
}

// The names that mark where a swap stands.
func (s Spec) next() string     { return s.Name + "-next" }
func (s Spec) previous() string { return s.Name + "-previous" }

func (s Spec) hostNetworked() bool { return s.Network == hostNetwork }

const hostNetwork = "host"
