package remote_test

import (
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
)

// openSSH starts a real OpenSSH server, and returns the configuration that reaches it.
func openSSH(t *testing.T, settings ...string) (*sshtest.OpenSSH, remote.Config) {
	t.Helper()
	path, key, _ := sshtest.KeyFile(t, "")
	server := sshtest.StartOpenSSH(t, key, settings...)
	return server, remote.Config{
		Name: "i-0abc", Address: server.Addr, User: server.User, KeyFile: path,
		KnownHosts: []string{server.KnownHosts}, Timeout: 20 * time.Second,
	}
}

// dialAll dials all instances of a fleet at once.
func dialAll(t *testing.T, n int, c remote.Config) []*remote.Client {
	t.Helper()
	clients := make([]*remote.Client, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			client, err := remote.Dial(t.Context(), c)
			if assert.NoError(t, err) {
				clients[i] = client
				t.Cleanup(func() { _ = client.Close() })
			}
		})
	}
	all.Wait()
	return clients
}

// A fleet of 40 is dialed at once through a jump host with OpenSSH's default limit of logins that are under way.
func TestAFleetSharesOneConnectionToTheJumpHost(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	jump := sshtest.StartOpenSSH(t, keyOf(t, c), "MaxStartups 10:30:100", "LogLevel VERBOSE")
	c.Jump = []remote.Hop{{User: jump.User, Address: jump.Addr}}
	c.KnownHosts = append(c.KnownHosts, jump.KnownHosts)
	c.Shared = &remote.Shared{}
	dialAll(t, 40, c)
	assert.Zero(t, jump.Logged("MaxStartups"), "%v", jump.Log())
}

// An SSH server that forbids forwarding is named, and so is the setting.
func TestForwardingThatIsForbiddenIsNamed(t *testing.T) {
	for _, setting := range []string{"AllowTcpForwarding no", "DisableForwarding yes", "PermitOpen 192.0.2.1:22"} {
		t.Run(setting, func(t *testing.T) {
			_, c := start(t, sshtest.Options{})
			server := sshtest.StartOpenSSH(t, keyOf(t, c), setting)
			through := c
			through.Jump = []remote.Hop{{User: server.User, Address: server.Addr}}
			through.KnownHosts = append(c.KnownHosts, server.KnownHosts)
			err := dialError(t, through)
			assert.ErrorIs(t, err, remote.ErrUnreachable)
			assert.ErrorIs(t, err, remote.ErrForwarding)
			assert.ErrorContains(t, err, "the jump host "+server.Addr+" forbids connections to "+c.Address)
			assert.ErrorContains(t, err, "AllowTcpForwarding yes")

			c.Address, c.User, c.KnownHosts = server.Addr, server.User, []string{server.KnownHosts}
			err = dial(t, c).Exchange(t.Context(), "127.0.0.1:1", func(io.ReadWriter) error { return nil })
			assert.ErrorIs(t, err, remote.ErrForwarding)
		})
	}
	_, c := openSSH(t)
	err := dial(t, c).Exchange(t.Context(), "127.0.0.1:1", func(io.ReadWriter) error { return nil })
	assert.Error(t, err)
	assert.NotErrorIs(t, err, remote.ErrForwarding, "nothing listens there")
}
