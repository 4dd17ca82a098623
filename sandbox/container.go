package sandbox

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

const (
	// serveLimit is the time after which release V1 must be healthy.
	serveLimit = 30 * time.Second
	// servePoll is the time between two attempts.
	servePoll = 5 * time.Millisecond
)

// putInService runs release V1 on every machine and registers all of them.
func (e *Environment) putInService(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for _, m := range e.machines {
		work.Go(func() error {
			if err := e.runV1(ctx, m); err != nil {
				return fmt.Errorf("run v1 on %s: %w", m.ID(), err)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	for _, m := range e.machines {
		if err := e.balancer.RegisterInService(e.Fleet.TargetGroups[0], e.endpoint(m)); err != nil {
			return fmt.Errorf("register %s: %w", m.ID(), err)
		}
	}
	return nil
}

// client returns a client of the machine's engine, which it reaches inside this process.
func (m *machine) client() (*client.Client, error) {
	return client.New(client.WithHost("http://docker"), client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return m.Engine().Dial(ctx)
	}))
}

// runV1 pulls release v1 and runs it.
func (e *Environment) runV1(ctx context.Context, m *machine) error {
	ctx, cancel := context.WithTimeout(ctx, serveLimit)
	defer cancel()
	image := e.Fleet.Repository + ":" + e.V1
	if err := m.pull(ctx, image, e.token()); err != nil {
		return err
	}
	created, err := m.docker.ContainerCreate(ctx, e.opts.Service.containerByHand(image))
	if err != nil {
		return err
	}
	if _, err := m.docker.ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		return err
	}
	return m.awaitService(ctx, e.opts.Service)
}

// containerByHand returns the container that a person started before the first deploy with docker run -d
// --name NAME --restart always -p PORT:PORT -v SOURCE:TARGET IMAGE.
func (s Service) containerByHand(image string) client.ContainerCreateOptions {
	port := network.MustParsePort(strconv.Itoa(s.ContainerPort) + "/tcp")
	var binds []string
	for _, m := range s.Mounts {
		binds = append(binds, m.Source+":"+m.Target)
	}
	return client.ContainerCreateOptions{
		Name:   s.Name,
		Config: &container.Config{Image: image, ExposedPorts: network.PortSet{port: {}}},
		HostConfig: &container.HostConfig{
			Binds:         binds,
			PortBindings:  network.PortMap{port: {{HostIP: netip.IPv4Unspecified(), HostPort: strconv.Itoa(s.HostPort)}}},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyAlways},
		},
	}
}

// token returns an administrator's token for the registry.
func (e *Environment) token() string {
	token, _ := e.registry.Issue(nil)
	return token
}

// pull pulls an image with a token of the registry's.
func (m *machine) pull(ctx context.Context, image, token string) error {
	auth, err := json.Marshal(registry.AuthConfig{Username: "AWS", Password: token})
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	pulled, err := m.docker.ImagePull(ctx, image, client.ImagePullOptions{RegistryAuth: base64.URLEncoding.EncodeToString(auth)})
	if err != nil {
		return err
	}
	return pulled.Wait(ctx)
}

// awaitService waits until the machine's service is healthy. It returns the last error if ctx ends before.
func (m *machine) awaitService(ctx context.Context, service Service) error {
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return m.Wire().Dial(ctx, service.HostPort, netip.AddrPortFrom(wire.Gateway, 1))
	}}}
	tick := time.NewTicker(servePoll)
	defer tick.Stop()
	for {
		err := healthy(ctx, web, service.HealthPath)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the service does not answer: %w", err)
		}
	}
}

func healthy(ctx context.Context, web *http.Client, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://instance"+path, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := web.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// runsOther reports whether the machine runs a container of another image than this one.
func (m *machine) runsOther(ctx context.Context, imageID string) bool {
	list, err := m.docker.ContainerList(ctx, client.ContainerListOptions{Filters: client.Filters{}.Add("status", "running")})
	if err != nil {
		return false
	}
	return slices.ContainsFunc(list.Items, func(c container.Summary) bool { return c.ImageID != imageID })
}
