package docker

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// createNext creates the new container beside the old one, so that the time
// without a listener holds no more than a stop and a start.
func (h *Host) createNext(ctx context.Context, r rollout.Release, previousRestart string) error {
	file, err := h.readEnv(ctx)
	if err != nil {
		return err
	}
	restart, err := parseRestart(h.spec.Restart)
	if err != nil {
		return err
	}
	env := mergeEnv(file, h.spec.Env)
	exposed, bound := h.spec.ports()
	grace := int(h.spec.StopGrace / time.Second)
	id, err := h.engine.create(ctx, h.spec.Label(LabelRelease), client.ContainerCreateOptions{
		Name: h.spec.next(),
		Config: &container.Config{
			Image:        r.Image,
			User:         h.spec.User,
			Env:          env,
			ExposedPorts: exposed,
			Labels:       h.spec.labels(r.Digest(), h.options.Run, previousRestart),
			StopSignal:   h.spec.StopSignal,
			StopTimeout:  &grace,
		},
		HostConfig: &container.HostConfig{
			NetworkMode:   container.NetworkMode(h.spec.Network),
			PortBindings:  bound,
			RestartPolicy: restart,
			Mounts:        h.spec.mounts(),
			LogConfig:     h.spec.Log.config(),
		},
	})
	if err != nil {
		return fmt.Errorf("create container %s: %w", h.spec.next(), &struckError{err, NewSecrets(env)})
	}
	h.created, h.digest = id, r.Digest()
	return nil
}

// ports publish the service's port; with host networking nothing is published.
func (s Spec) ports() (network.PortSet, network.PortMap) {
	if s.hostNetworked() {
		return nil, nil
	}
	port, _ := network.PortFrom(uint16(s.ContainerPort), network.TCP)
	return network.PortSet{port: {}}, network.PortMap{port: {{HostPort: strconv.Itoa(s.HostPort)}}}
}

func (s Spec) mounts() []mount.Mount {
	var mounts []mount.Mount
	for _, m := range s.Mounts {
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
	return mounts
}

func (l Log) config() container.LogConfig {
	return container.LogConfig{Type: "json-file", Config: map[string]string{
		"max-size": l.MaxSize, "max-file": strconv.Itoa(l.MaxFile),
	}}
}
