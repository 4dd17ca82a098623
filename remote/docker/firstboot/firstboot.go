// Package firstboot renders the script that starts the service on a new instance, from the
// container spec that rollouts use: so both make the same container.
package firstboot

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
	"time"

	"github.com/growl-dev/deploy/remote/docker"
)

//go:embed script.sh.tmpl
var text string

var script = template.Must(template.New("first-boot").Funcs(template.FuncMap{
	"quote": quote,
	"flags": flags,
	"releaseLabel": func(s docker.Spec) string {
		return s.Label(docker.LabelRelease)
	},
}).Parse(text))

// Render writes the script that cloud-init runs on a new instance: POSIX sh, which
// takes the environment, the ECR repository, the registry's region and the instance's
// port as arguments, and needs Docker and the AWS CLI. It pulls deployed-ENVIRONMENT, or
// latest if there is none, by its digest, and starts the container. It holds no secrets,
// because the spec holds none: they are in the env file. A fault of the spec, or a text
// in it that docker run cannot be given, is an error.
func Render(spec docker.Spec) ([]byte, error) {
	spec = spec.WithDefaults()
	if err := errors.Join(spec.Validate(), printable(spec)); err != nil {
		return nil, fmt.Errorf("render the first boot of %q: %s", spec.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	var out bytes.Buffer
	if err := script.Execute(&out, spec); err != nil {
		return nil, fmt.Errorf("render the first boot of %q: %w", spec.Name, err)
	}
	return out.Bytes(), nil
}

// printable reports what can be in a spec and not in the script.
func printable(s docker.Spec) error {
	var faults []error
	for _, m := range s.Mounts {
		// docker run reads --mount as comma-separated values.
		if strings.ContainsAny(m.Source+m.Target, `,"`) {
			faults = append(faults, fmt.Errorf("mount %q: a comma or a quote cannot be given to docker run", m.Source))
		}
	}
	for _, word := range words(s) {
		if strings.ContainsAny(word, "\n\r\x00") {
			faults = append(faults, fmt.Errorf("%q holds a line break or NUL", word))
		}
	}
	return errors.Join(faults...)
}

// words are the texts of the spec that end up in the script and may hold anything.
func words(s docker.Spec) []string {
	words := []string{s.Network, s.EnvFile, s.User}
	for _, m := range s.Mounts {
		words = append(words, m.Source, m.Target)
	}
	for _, set := range []map[string]string{s.Env, s.Labels} {
		for key, value := range set {
			words = append(words, key, value)
		}
	}
	return words
}

// flags are those of docker run that describe the container, quoted for the shell.
func flags(s docker.Spec) []string {
	var flags []string
	flag := func(name, value string) {
		if value != "" {
			flags = append(flags, "--"+name+" "+quote(value))
		}
	}
	flag("restart", s.Restart)
	flag("log-driver", "json-file")
	flag("log-opt", "max-size="+s.Log.MaxSize)
	flag("log-opt", "max-file="+strconv.Itoa(s.Log.MaxFile))
	flag("stop-timeout", strconv.Itoa(int(s.StopGrace/time.Second)))
	flag("stop-signal", s.StopSignal)
	if s.MemoryLimit > 0 {
		flag("memory", strconv.FormatInt(s.MemoryLimit, 10))
	}
	flag("network", s.Network)
	if s.Network != "host" {
		flags = append(flags, fmt.Sprintf(`--publish "$port:%d"`, s.ContainerPort))
	}
	for _, m := range s.Mounts {
		flag("mount", mountFlag(m))
	}
	flag("env-file", s.EnvFile)
	for _, key := range slices.Sorted(maps.Keys(s.Env)) {
		flag("env", key+"="+s.Env[key])
	}
	flag("user", s.User)
	labels := s.FixedLabels()
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		flag("label", key+"="+labels[key])
	}
	return flags
}

// mountFlag is a mount as docker run --mount takes it.
func mountFlag(m docker.Mount) string {
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
