package docker

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
)

// The engine's own rules for a name, a signal, the prefix of labels and the part of it that Docker reserves, and the
// size of a log file.
var (
	validName   = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)
	validSignal = regexp.MustCompile(`^SIG[A-Z0-9]+([+-][0-9]+)?$`)
	validPrefix = regexp.MustCompile(`^[a-z][a-z0-9]*([.-][a-z0-9]+)*$`)
	takenPrefix = regexp.MustCompile(`^(com\.docker|io\.docker|org\.dockerproject)(\.|$)`)
	validSize   = regexp.MustCompile(`^[1-9][0-9]*[kmg]?$`)
)

// Validate reports every fault of the spec at once.
func (s Spec) Validate() error {
	f := &faults{}
	s = s.WithDefaults()
	f.add(!validName.MatchString(s.Name), "name %q: want letters, digits, and _ . - after the first", s.Name)
	f.add(badPort(s.HostPort), "host_port %d is not between 1 and 65535", s.HostPort)
	f.add(badPort(s.ContainerPort), "container_port %d is not between 1 and 65535", s.ContainerPort)
	f.add(s.hostNetworked() && s.HostPort != s.ContainerPort, "host networking publishes nothing: host_port %d and container_port %d must be equal", s.HostPort, s.ContainerPort)
	f.add(s.EnvFile != "" && !path.IsAbs(s.EnvFile), "env_file %q is not an absolute path", s.EnvFile)
	_, err := parseRestart(s.Restart)
	f.add(err != nil, "%v", err)
	f.add(!validSize.MatchString(s.Log.MaxSize), "log.max_size %q: want a size such as 10m", s.Log.MaxSize)
	f.add(s.Log.MaxFile < 1, "log.max_file %d must be at least 1", s.Log.MaxFile)
	s.checkGrace(f)
	f.add(s.Keep < 1, "keep %d must be at least 1", s.Keep)
	f.add(s.MinFreeBytes < 1, "min_free_bytes %d must be positive", s.MinFreeBytes)
	f.add(s.MemoryLimit != 0 && s.MemoryLimit < LeastMemory, "memory_limit %d is below %d bytes, the least that the engine takes", s.MemoryLimit, LeastMemory)
	s.checkPaths(f)
	s.checkSignals(f)
	s.checkMounts(f)
	s.checkNames(f)
	return errors.Join(f.list...)
}

func (s Spec) checkGrace(f *faults) {
	f.add(s.StopGrace < time.Second || s.StopGrace%time.Second != 0, "stop_grace %s: want whole seconds, 1s or more: the engine takes no fractions", s.StopGrace)
	f.add(s.StopGrace > MaxStopGrace, "stop_grace %s is longer than %s: stopping is part of an act of a rollout, which takes %s at most", s.StopGrace, MaxStopGrace, rollout.ActTimeout)
}

func (s Spec) checkPaths(f *faults) {
	f.add(!strings.HasPrefix(s.HealthPath, "/"), "health_path %q does not begin with a slash", s.HealthPath)
	f.add(s.VersionPath != "" && !strings.HasPrefix(s.VersionPath, "/"), "version_path %q does not begin with a slash", s.VersionPath)
	f.add(s.CountField != "" && s.VersionPath == "", "count_field %q needs a version_path", s.CountField)
}

func (s Spec) checkSignals(f *faults) {
	for name, signal := range map[string]string{"stop_signal": s.StopSignal, "drain_signal": s.DrainSignal, "undrain_signal": s.UndrainSignal} {
		f.add(signal != "" && !validSignal.MatchString(signal), "%s %q: want a name such as SIGUSR1", name, signal)
	}
	f.add((s.DrainSignal == "") != (s.UndrainSignal == ""), "drain_signal and undrain_signal need each other")
	f.add(s.DrainSignal != "" && s.DrainSignal == s.UndrainSignal, "drain_signal and undrain_signal are both %s", s.DrainSignal)
}

func (s Spec) checkMounts(f *faults) {
	targets := map[string]bool{}
	for _, m := range s.Mounts {
		f.add(!path.IsAbs(m.Source), "mount source %q is not an absolute path", m.Source)
		f.add(!path.IsAbs(m.Target) || path.Clean(m.Target) == "/", "mount target %q is not an absolute path below /", m.Target)
		f.add(targets[path.Clean(m.Target)], "mount target %q is given twice", m.Target)
		targets[path.Clean(m.Target)] = true
	}
}

func (s Spec) checkNames(f *faults) {
	for _, key := range slices.Sorted(maps.Keys(s.Env)) {
		f.add(key == "" || strings.ContainsAny(key, "= \t\x00"), "env has a bad name %q", key)
		f.add(strings.Contains(s.Env[key], "\x00"), "env %s has a value with a NUL", key)
	}
	for _, label := range slices.Sorted(maps.Keys(s.Labels)) {
		f.add(label == "", "a label has no name")
		f.add(s.isReserved(label), "label %q: %s… is written by the deployer alone", label, s.reserved())
	}
	f.add(!validPrefix.MatchString(s.LabelPrefix), "label_prefix %q: want the reverse DNS notation of a domain you own, such as com.example.shop: lower-case letters and digits with single dots or hyphens between them", s.LabelPrefix)
	f.add(takenPrefix.MatchString(s.LabelPrefix), "label_prefix %q: Docker keeps this namespace to itself: want the reverse DNS notation of a domain you own", s.LabelPrefix)
}

// faults collects what is wrong.
type faults struct{ list []error }

func (f *faults) add(bad bool, format string, args ...any) {
	if bad {
		f.list = append(f.list, fmt.Errorf(format, args...))
	}
}

func badPort(port int) bool { return port < 1 || port > 65535 }

// parseRestart parses a restart policy as docker run does.
func parseRestart(text string) (container.RestartPolicy, error) {
	name, count, counted := strings.Cut(text, ":")
	policy := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
	if counted {
		n, err := strconv.Atoi(count)
		if err != nil {
			return policy, fmt.Errorf("restart %q: want a number after the colon", text)
		}
		policy.MaximumRetryCount = n
	}
	if name == "" || container.ValidateRestartPolicy(policy) != nil {
		return policy, fmt.Errorf("restart %q: want no, always, unless-stopped, on-failure or on-failure:N", text)
	}
	return policy, nil
}

// formatRestart is the reverse of parseRestart.
func formatRestart(policy container.RestartPolicy) string {
	switch {
	case policy.Name == "":
		return string(container.RestartPolicyDisabled)
	case policy.MaximumRetryCount > 0:
		return fmt.Sprintf("%s:%d", policy.Name, policy.MaximumRetryCount)
	default:
		return string(policy.Name)
	}
}
