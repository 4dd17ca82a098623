package docker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
)

// Description describes the service's container on an instance, apart from the release that it runs.
type Description struct {
	// EnvSeal is the SHA-256, in hex, of the env file on the instance; empty if the spec names none.
	EnvSeal string
	// Differs lists the differences from the spec, such as "restart no, not always", which the next rollout removes. It
	// has no value of a variable.
	Differs []string
}

// Describe compares the container that has the service's port with the spec and with the env file. It changes nothing.
func (h *Host) Describe(ctx context.Context) (Description, error) {
	var d Description
	variables, seal, err := h.env.load(ctx)
	d.EnvSeal = seal
	if err != nil {
		return d, err
	}
	list, err := h.listContainers(ctx)
	if err != nil || list.current == nil {
		return d, err
	}
	found, err := h.engine.inspect(ctx, list.current.ID)
	if err != nil {
		return d, fmt.Errorf("inspect container %s: %w", title(list.current), err)
	}
	d.Differs = h.spec.differences(found, mergeEnv(variables, h.spec.Env))
	return d, nil
}

// differences lists how a container differs from the spec. It does not compare what the spec leaves to the image or the
// engine.
func (s Spec) differences(found container.InspectResponse, variables []string) []string {
	var differs []string
	compare := func(what, has, wants string) {
		if has != wants {
			differs = append(differs, fmt.Sprintf("%s %s, not %s", what, cmp.Or(has, "none"), cmp.Or(wants, "none")))
		}
	}
	config, host := found.Config, found.HostConfig
	compare("restart", formatRestart(host.RestartPolicy), s.Restart)
	compare("network", networkOf(string(host.NetworkMode)), networkOf(s.Network))
	compare("port", publishedBy(host), publishedBy(s.host()))
	compare("mounts", mountsOf(host), mountsOf(s.host()))
	compare("log", logOf(host.LogConfig), logOf(s.Log.config()))
	compare("memory limit", bytesOf(host.Memory), bytesOf(s.MemoryLimit))
	compare("stop grace", graceOf(config), s.StopGrace.String())
	for _, asked := range []struct{ what, has, wants string }{
		{"user", config.User, s.User},
		{"stop signal", config.StopSignal, s.StopSignal},
		{"drain signal", config.Labels[s.Label(LabelDrain)], s.DrainSignal},
		{"undrain signal", config.Labels[s.Label(LabelUndrain)], s.UndrainSignal},
	} {
		if asked.wants != "" {
			compare(asked.what, asked.has, asked.wants)
		}
	}
	if slices.ContainsFunc(variables, func(v string) bool { return !slices.Contains(config.Env, v) }) {
		differs = append(differs, "environment other than the env file's")
	}
	return differs
}

// host returns the part of the spec that belongs to a container's host configuration.
func (s Spec) host() *container.HostConfig {
	_, bound := s.ports()
	return &container.HostConfig{PortBindings: bound, Mounts: s.mounts()}
}

// networkOf returns one name for a network mode, because the engine's default mode has three.
func networkOf(mode string) string {
	if mode == "" || mode == "default" {
		return "bridge"
	}
	return mode
}

// publishedBy lists the ports that a container publishes: "8080:8080".
func publishedBy(host *container.HostConfig) string {
	var ports []string
	for port, bindings := range host.PortBindings {
		for _, b := range bindings {
			ports = append(ports, b.HostPort+":"+strconv.Itoa(int(port.Num())))
		}
	}
	return joined(ports)
}

// mountsOf lists the bind mounts of a container, whichever way they were configured.
func mountsOf(host *container.HostConfig) string {
	var mounts []string
	for _, m := range host.Mounts {
		text := m.Source + ":" + m.Target
		if m.ReadOnly {
			text += ":ro"
		}
		mounts = append(mounts, text)
	}
	return joined(append(mounts, host.Binds...))
}

func logOf(l container.LogConfig) string {
	if l.Config["max-size"] == "" {
		return "without a bound"
	}
	return strings.TrimSpace(l.Type + " " + l.Config["max-size"] + " x " + l.Config["max-file"])
}

// graceOf returns how long a container may take to stop: the engine's default of 10 s if it sets nothing.
func graceOf(config *container.Config) string {
	if config.StopTimeout == nil {
		return "10s"
	}
	return (time.Duration(*config.StopTimeout) * time.Second).String()
}

// bytesOf returns a number of bytes as text; empty for none.
func bytesOf(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes", bytes)
}

func joined(texts []string) string {
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), " ")
}
