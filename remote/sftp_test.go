package remote

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote/internal/sshtest"
)

// A session that nobody uses is dropped; one in use is not, and the next use of a
// dropped one opens another.
func TestIdleSFTPSessionIsDropped(t *testing.T) {
	path, key, _ := sshtest.KeyFile(t, "")
	server := sshtest.Start(t, sshtest.Options{Authorized: key})
	client, err := Dial(t.Context(), Config{Address: server.Addr, KeyFile: path, KnownHosts: []string{server.KnownHosts()}})
	require.NoError(t, err)
	defer client.Close()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte("x"), 0o600))
	opened := func() *session {
		s := <-client.files.slot
		client.files.slot <- s
		return s
	}
	for range 2 {
		_, err = client.ReadFile(t.Context(), name)
		require.NoError(t, err)
		require.True(t, client.files.idle.Stop(), "its clock does not run")
		session := opened()
		require.NotNil(t, session)

		client.files.users.Add(1)
		client.files.rest()
		require.Same(t, session, opened(), "in use")

		client.files.leave()
		client.files.idle.Reset(0)
		select {
		case <-session.dead:
		case <-time.After(10 * time.Second):
			require.Fail(t, "it stays open")
		}
	}
}
