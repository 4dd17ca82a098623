package growl_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
)

// counted is a container whose connections are counted: the address for clients, and the deploy's way to count.
type counted struct {
	*testing.T
	address string
	host    *docker.Host
}

// TestTheSandboxCountsAsARealContainerDoes sends the same requests to the service
// in a container of a real engine and in one of the sandbox's.
func TestTheSandboxCountsAsARealContainerDoes(t *testing.T) {
	m := newMachine(t)
	m.roll()
	p := keepSandbox(t, "-instances=1")
	plain := service()
	plain.CountField = "" // the kernel's count is left
	for name, spec := range map[string]docker.Spec{"the service's count": service(), "the kernel's count": plain} {
		t.Run(name, func(t *testing.T) {
			own := m.spec
			own.CountField = spec.CountField
			real := counted{t, "127.0.0.1:" + m.port, open(t, here{}, own)}
			made := counted{t, p.vars["NLB"], open(t, p.dial(t), spec)}
			assert.Equal(t, real.story(), made.story())
		})
	}
	t.Run("stopped", func(t *testing.T) {
		real, made := open(t, here{}, m.spec), open(t, p.dial(t), service())
		_, err := m.api.ContainerStop(t.Context(), m.spec.Name, client.ContainerStopOptions{})
		require.NoError(t, err)
		conn := p.dial(t)
		defer conn.Close()
		engine, err := client.New(client.WithHost("http://docker"), client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return conn.DialUnix(ctx, docker.DefaultSocket)
		}))
		require.NoError(t, err)
		t.Cleanup(func() { _ = engine.Close() })
		_, err = engine.ContainerStop(t.Context(), service().Name, client.ContainerStopOptions{})
		require.NoError(t, err)
		for _, host := range []*docker.Host{real, made} {
			_, err := host.Traffic(t.Context())
			require.ErrorIs(t, err, docker.ErrNotRunning)
		}
	})
}

// asking counts the questions to the service.
type asking struct {
	docker.Conn
	times int
}

func (a *asking) Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error {
	a.times++
	return a.Conn.Exchange(ctx, address, talk)
}

// TestTheServiceIsAskedOnce: its count is in a file, of a real container and of the
// sandbox's.
func TestTheServiceIsAskedOnce(t *testing.T) {
	m := newMachine(t)
	m.roll()
	p := keepSandbox(t, "-instances=1")
	for name, where := range map[string]struct {
		conn    docker.Conn
		spec    docker.Spec
		address string
	}{
		"of a real container": {here{}, m.spec, "127.0.0.1:" + m.port},
		"of the sandbox's":    {p.dial(t), service(), p.vars["NLB"]},
	} {
		t.Run(name, func(t *testing.T) {
			conn := &asking{Conn: where.conn}
			c := counted{t, where.address, open(t, conn, where.spec)}
			before := c.sample()
			for range 3 {
				c.ask("/", true)
				_ = c.sample()
			}
			after := c.sample()
			assert.Equal(t, rollout.ServiceCount, after.Source)
			assert.Equal(t, before.Opened+3, after.Opened)
			assert.Equal(t, 1, conn.times)
		})
	}
}

// dial connects to the place's first instance.
func (p place) dial(t *testing.T) *remote.Client {
	t.Helper()
	i := p.fleet.Instances[0]
	conn, err := remote.Dial(t.Context(), remote.Config{
		Name: i.ID, Address: i.Address, User: p.fleet.User, KeyFile: p.vars["SSH_KEY"], KnownHosts: []string{p.vars["SSH_KNOWN_HOSTS"]},
	})
	require.NoError(t, err)
	return conn
}

func open(t *testing.T, conn docker.Conn, spec docker.Spec) *docker.Host {
	t.Helper()
	host, err := docker.Open(t.Context(), conn, docker.Options{Spec: spec})
	require.NoError(t, err)
	t.Cleanup(func() { _ = host.Close() })
	return host
}

// chapter is a sample after some requests: the open connections, the number opened since the last sample, and the
// counter.
type chapter struct {
	title  string
	open   int
	opened uint64
	source rollout.Source
}

// story makes the same requests everywhere. The kernel's count includes the load balancer's checks and the deploy's own
// requests, so that only its source is compared.
func (c counted) story() (told []chapter) {
	last := c.sample()
	tell := func(title string, open int) {
		now := c.sample()
		for limit := time.Now().Add(time.Minute); now.Open != open && time.Now().Before(limit); now = c.sample() {
		}
		require.Equal(c, open, now.Open, title)
		seen := chapter{title: title, open: now.Open, source: now.Source}
		if now.Source == rollout.ServiceCount {
			seen.opened = now.Opened - last.Opened
		} else {
			assert.GreaterOrEqual(c, now.Opened, last.Opened, title)
		}
		told, last = append(told, seen), now
	}
	tell("nobody is there", 0)
	kept := []net.Conn{c.ask("/", false), c.ask("/", false), c.ask("/", false)}
	tell("three clients keep their connection", 3)
	for range 5 {
		_ = c.ask("/", true).Close()
	}
	tell("five came and went", 3)
	for _, conn := range kept {
		c.send(conn, "/", false)
	}
	tell("each of the three asks again", 3)
	kept = append(kept, c.ask("/healthz", false), c.ask("/version", false))
	tell("a health check and a question keep theirs", 5)
	kept = append(kept, c.ask("", false))
	tell("one says nothing", 6)
	for _, conn := range kept {
		_ = conn.Close()
	}
	tell("all have left", 0)
	return told
}

func (c counted) sample() rollout.Traffic {
	c.Helper()
	seen, err := c.host.Traffic(c.Context())
	require.NoError(c, err)
	return seen
}

// ask opens a connection and requests a path over it; for an empty path it sends nothing.
func (c counted) ask(path string, last bool) net.Conn {
	c.Helper()
	conn, err := net.DialTimeout("tcp", c.address, 5*time.Second)
	require.NoError(c, err)
	c.Cleanup(func() { _ = conn.Close() })
	if path != "" {
		c.send(conn, path, last)
	}
	return conn
}

func (c counted) send(conn net.Conn, path string, last bool) {
	c.Helper()
	head := "GET " + path + " HTTP/1.1\r\nHost: growl\r\n"
	if last {
		head += "Connection: close\r\n"
	}
	require.NoError(c, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err := io.WriteString(conn, head+"\r\n")
	require.NoError(c, err)
	_, err = conn.Read(make([]byte, 4096))
	require.NoError(c, err)
}
