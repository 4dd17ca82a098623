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
	// DefaultLabelPrefix follows Docker's guideline, which demands the reverse DNS notation of a domain that the author
	// owns: the top-level domain internal is reserved for private use, so that nobody else can own labels below it.
	DefaultLabelPrefix = "internal.deploy"
)

// LeastMemory is the smallest memory limit that the engine takes.
const LeastMemory = 6 << 20

// MaxStopGrace is the longest stop grace. One act of a rollout stops the container, and takes [rollout.ActTimeout] at
// most. The rest of that time is for creating the new container, renaming the old one, and waiting until the engine has
// killed what did not stop in time.
const MaxStopGrace = rollout.ActTimeout - 10*time.Second

// Spec describes the service's container. First boot and every rollout share it. Name and HostPort have no default.
type Spec struct {
	// Name is the container's name.
	Name string `json:"name"`
	// HostPort is the instance's TCP port, on all its addresses.
	HostPort int `json:"host_port"`
	// ContainerPort is the port that the service listens on. With host networking it equals HostPort. Zero: HostPort.
	ContainerPort int `json:"container_port,omitempty"`
	// Network is the network mode or the network's name. Empty: the engine's default bridge. "host" shares the
	// instance's network.
	Network string `json:"network,omitempty"`
	// Mounts bind paths of the instance into the container. Their sources must exist, because the container could not
	// start without one.
	Mounts []Mount `json:"mounts,omitempty"`
	// EnvFile is a file on the instance, in the format of docker run --env-file. Empty: none.
	EnvFile string `json:"env_file,omitempty"`
	// Env is set besides the file's variables and overrides them. It must hold no secret, because a Spec is printed and
	// rendered.
	Env map[string]string `json:"env,omitempty"`
	// User is the user, or user:group, that the service runs as. Empty: the image's.
	User string `json:"user,omitempty"`
	// Restart is the restart policy: no, always, unless-stopped, on-failure or
	// on-failure:N. Empty: always.
	Restart string `json:"restart,omitempty"`
	// Log limits the size of the container's log on the instance's disk.
	Log Log `json:"log,omitzero"`
	// StopSignal makes the service stop. Empty: the image's, or SIGTERM.
	StopSignal string `json:"stop_signal,omitempty"`
	// StopGrace is how long a stopping service may take before it is killed: whole seconds, because the engine takes no
	// fractions, and [MaxStopGrace] at most. Zero: 30 s. In JSON it is text, such as "30s".
	StopGrace time.Duration `json:"-"`
	// HealthPath answers 200 to GET when the service is ready. Empty: /healthz.
	HealthPath string `json:"health_path,omitempty"`
	// VersionPath answers GET with a JSON object whose field "commit" names the commit that was built. Empty: the
	// service has no such path.
	VersionPath string `json:"version_path,omitempty"`
	// CountField is the number in VersionPath's answer that counts connections which carried a request other than a
	// health check. Empty: there is none.
	CountField string `json:"count_field,omitempty"`
	// LabelPrefix begins the names of the labels by which a rollout recognizes its containers: see [Label]. A service
	// has to keep its prefix, because a container with another one counts as one that no rollout created. Empty:
	// [DefaultLabelPrefix].
	LabelPrefix string `json:"label_prefix,omitempty"`
	// DrainSignal and UndrainSignal are written into labels: see [LabelDrain].
	// Empty: the image's labels count.
	DrainSignal   string `json:"drain_signal,omitempty"`
	UndrainSignal string `json:"undrain_signal,omitempty"`
	// MemoryLimit is how many bytes the container may use before the kernel kills it: [LeastMemory] or more. Zero: no limit.
	MemoryLimit int64 `json:"memory_limit,omitempty"`
	// Labels are set besides those of this package.
	Labels map[string]string `json:"labels,omitempty"`
	// Keep is how many of the images that deploys pulled stay on the instance, the newest ones. Images in use and images
	// with a tag stay anyway.
	// Zero: 3.
	Keep int `json:"keep,omitempty"`
	// MinFreeBytes is how much disk space must be free before a pull. Zero: 1 GiB.
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
	// MaxSize is the size at which a log file is rotated, such as "10m". Empty: 10m.
	MaxSize string `json:"max_size,omitempty"`
	// MaxFile is how many files are kept. Zero: 3.
	MaxFile int `json:"max_file,omitempty"`
}

// WithDefaults returns the spec with its zero values replaced by their defaults.
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

// The names that mark how far a swap has come.
func (s Spec) next() string     { return s.Name + "-next" }
func (s Spec) previous() string { return s.Name + "-previous" }

func (s Spec) hostNetworked() bool { return s.Network == hostNetwork }

const hostNetwork = "host"
