package instance_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/sandbox/internal/engine/enginetest"
	"github.com/growl-dev/deploy/sandbox/internal/instance"
)

const id = "i-0123456789abcdef0"

func newKey(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer, private
}

// box is an instance under test and the key that opens it.
type box struct {
	*testing.T
	*instance.Instance
	root    string
	key     ssh.Signer
	private ed25519.PrivateKey
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{T: t, root: t.TempDir()}
	b.key, b.private = newKey(t)
	var err error
	b.Instance, err = instance.Start(context.Background(), instance.Options{
		ID: id, Zone: "us-west-1a", Root: b.root, AuthorizedKeys: []ssh.PublicKey{b.key.PublicKey()},
		EnvFile: "/etc/growl/backend.env", EnvContent: []byte("SECRET=x\n"), Folders: []string{"/tmp/deployment-test"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func (b *box) config(key ssh.Signer) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User: b.User(), Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.FixedHostKey(b.Instance.HostKey()), Timeout: 30 * time.Second,
	}
}

func (b *box) dial() *ssh.Client {
	b.Helper()
	c, err := ssh.Dial("tcp", b.Addr(), b.config(b.key))
	require.NoError(b, err)
	b.Cleanup(func() { c.Close() })
	return c
}

func (b *box) sftp() *sftp.Client {
	b.Helper()
	c, err := sftp.NewClient(b.dial())
	require.NoError(b, err)
	b.Cleanup(func() { c.Close() })
	return c
}

// docker is the real client over the SSH connection, as the deployment has it.
func (b *box) docker(over *ssh.Client) *client.Client {
	b.Helper()
	c, err := client.New(client.WithHost("http://docker"), client.WithDialContext(
		func(ctx context.Context, _, _ string) (net.Conn, error) {
			return over.DialContext(ctx, "unix", "/var/run/docker.sock")
		}))
	require.NoError(b, err)
	b.Cleanup(func() { c.Close() })
	_, err = c.Ping(b.Context(), client.PingOptions{NegotiateAPIVersion: true})
	require.NoError(b, err)
	return c
}

// run pulls and starts the test service on port 8080 and answers its process ID.
func (b *box) run(docker *client.Client) int {
	b.Helper()
	registry := enginetest.NewRegistry(b.T)
	ref := registry.Push(b.T, "growl-backend", "v1", enginetest.Image(b.T, "v1", nil))
	pull, err := docker.ImagePull(b.Context(), ref, client.ImagePullOptions{})
	require.NoError(b, err)
	require.NoError(b, pull.Wait(b.Context()))
	created, err := docker.ContainerCreate(b.Context(), client.ContainerCreateOptions{
		Name: "growl-backend", Config: &container.Config{Image: ref},
		HostConfig: &container.HostConfig{
			PortBindings: network.PortMap{network.MustParsePort("8080/tcp"): {{HostPort: "8080"}}},
			Binds:        []string{"/tmp/deployment-test:/tmp/deployment-test"},
		},
	})
	require.NoError(b, err)
	_, err = docker.ContainerStart(b.Context(), created.ID, client.ContainerStartOptions{})
	require.NoError(b, err)
	got, err := docker.ContainerInspect(b.Context(), created.ID, client.ContainerInspectOptions{})
	require.NoError(b, err)
	return got.Container.State.Pid
}
