package infra

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// FirstBoot is the part of a container's spec that its first start needs. The
// caller fills it from the spec that rollouts use, defaults filled in, so that
// both make the same container. It holds no secrets: those are in EnvFile.
type FirstBoot struct {
	// Container is the container's name.
	Container string
	// ContainerPort is the service's TCP port in the container. The script publishes it on the instance's port that it
	// is given as an argument; with host networking it publishes nothing.
	ContainerPort int
	// Network is the network mode; empty: the engine's default.
	Network string
	// Mounts are bind mounts, whose sources must exist.
	Mounts []BindMount
	// EnvFile is a file on the instance in the form of docker run --env-file;
	// empty: none.
	EnvFile string
	// Env is set besides the file's variables, and wins over them.
	Env map[string]string
	// User is whom the service runs as; empty: the image's.
	User string
	// Restart is the restart policy, as docker run takes it.
	Restart string
	// LogSize and LogFiles bound the json-file log driver.
	LogSize  string
	LogFiles int
	// StopSignal asks the service to stop; empty: the image's.
	StopSignal string
	// StopGraceSeconds is how long stopping may take before the service is killed.
	StopGraceSeconds int
	// Labels are set besides the release's.
	Labels map[string]string
}

// BindMount mounts a path of the instance into the container.
type BindMount struct {
	Source, Target string
	ReadOnly       bool
}

//go:embed firstboot.sh.tmpl
var firstBootText string

var firstBoot = template.Must(template.New("first-boot").
	Funcs(template.FuncMap{"quote": quote, "flags": FirstBoot.flags}).Parse(firstBootText))

// RenderFirstBoot writes the script that cloud-init runs on a new instance: POSIX
// sh, which takes the environment, the repository, the registry's region and the
// instance's port as arguments. It pulls deployed-ENVIRONMENT, or latest where there is none, by its
// digest, and starts the container. A fault of the spec is an error.
func RenderFirstBoot(spec FirstBoot) ([]byte, error) {
	if err := spec.validate(); err != nil {
		return nil, fmt.Errorf("render the first boot of %q: %w", spec.Container, err)
	}
	var script bytes.Buffer
	if err := firstBoot.Execute(&script, spec); err != nil {
		return nil, fmt.Errorf("render the first boot of %q: %w", spec.Container, err)
	}
	return script.Bytes(), nil
}

func (f FirstBoot) validate() error {
	var faults []error
	fault := func(is bool, format string, args ...any) {
		if is {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(f.Container == "", "the container has no name")
	fault(f.ContainerPort < 1 || f.ContainerPort > 65535, "container port %d: a port is between 1 and 65535", f.ContainerPort)
	fault(f.Restart == "" || f.LogSize == "" || f.LogFiles < 1 || f.StopGraceSeconds < 1, "restart policy, log bounds and stop grace are needed: fill in the spec's defaults")
	for _, m := range f.Mounts {
		// docker run reads --mount as comma-separated values.
		fault(strings.ContainsAny(m.Source+m.Target, `,"`), "mount %q: a comma or a quote cannot be given to docker run", m.Source)
	}
	for _, word := range f.words() {
		fault(strings.ContainsAny(word, "\n\r\x00"), "%q holds a line break or NUL", word)
	}
	return errors.Join(faults...)
}

// words are all strings that end up in the script.
func (f FirstBoot) words() []string {
	words := []string{f.Container, f.Network, f.EnvFile, f.User, f.Restart, f.LogSize, f.StopSignal}
	for _, m := range f.Mounts {
		words = append(words, m.Source, m.Target)
	}
	for _, set := range []map[string]string{f.Env, f.Labels} {
		for key, value := range set {
			words = append(words, key, value)
		}
	}
	return words
}

// flags are those of docker run that describe the container, quoted for the shell.
func (f FirstBoot) flags() []string {
	var flags []string
	flag := func(name, value string) {
		if value != "" {
			flags = append(flags, "--"+name+" "+quote(value))
		}
	}
	flag("restart", f.Restart)
	flag("log-driver", "json-file")
	flag("log-opt", "max-size="+f.LogSize)
	flag("log-opt", "max-file="+strconv.Itoa(f.LogFiles))
	flag("stop-timeout", strconv.Itoa(f.StopGraceSeconds))
	flag("stop-signal", f.StopSignal)
	flag("network", f.Network)
	if f.Network != "host" {
		flags = append(flags, fmt.Sprintf(`--publish "$port:%d"`, f.ContainerPort))
	}
	for _, m := range f.Mounts {
		flag("mount", m.String())
	}
	flag("env-file", f.EnvFile)
	for _, key := range slices.Sorted(maps.Keys(f.Env)) {
		flag("env", key+"="+f.Env[key])
	}
	flag("user", f.User)
	for _, key := range slices.Sorted(maps.Keys(f.Labels)) {
		flag("label", key+"="+f.Labels[key])
	}
	return flags
}

// String is the mount as docker run --mount takes it.
func (m BindMount) String() string {
	text := "type=bind,source=" + m.Source + ",target=" + m.Target
	if m.ReadOnly {
		text += ",readonly"
	}
	return text
}

// quote makes one word of the shell of any text.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
