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

// createNext creates the new container beside the old one, so that nothing more than a stop and a start happens while
// nothing listens.
func (s *swapper) createNext(ctx context.Context, r rollout.Release, previousRestart string) error {
	file, err := s.env.read(ctx)
	if err != nil {
		return err
	}
	restart, err := parseRestart(s.spec.Restart)
	if err != nil {
		return err
	}
	env := mergeEnv(file, s.spec.Env)
	exposed, bound := s.spec.ports()
	grace := int(s.spec.StopGrace / time.Second)
	id, err := s.engine.create(ctx, s.spec.Label(LabelRelease), client.ContainerCreateOptions{
		Name: s.spec.next(),
		Config: &container.Config{
			Image:        r.Image,
			User:         s.spec.User,
			Env:          env,
			ExposedPorts: exposed,
			Labels:       s.labels(r, previousRestart),
			StopSignal:   s.spec.StopSignal,
			StopTimeout:  &grace,
		},
		HostConfig: &container.HostConfig{
			NetworkMode:   container.NetworkMode(s.spec.Network),
			PortBindings:  bound,
			RestartPolicy: restart,
			Mounts:        s.spec.mounts(),
			LogConfig:     s.spec.Log.config(),
			Resources:     container.Resources{Memory: s.spec.MemoryLimit},
		},
	})
	if err != nil {
		return fmt.Errorf("create container %s: %w", s.spec.next(), &struckError{err, NewSecrets(env)})
	}
	s.created, s.digest = id, r.Digest()
	return nil
}

// ports publishes the service's port. With host networking there is nothing to publish.
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
