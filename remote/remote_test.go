package remote_test

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/stretchr/testify/require"
)

// proxyTarget makes the test binary a ProxyCommand: it connects its standard
// streams with this address.
const proxyTarget = "REMOTE_TEST_PROXY_TARGET"

func TestMain(m *testing.M) {
	if to := os.Getenv(proxyTarget); to != "" && len(os.Args) > 1 && os.Args[1] == "proxy" {
		os.Exit(proxy(to))
	}
	os.Exit(m.Run())
}

func proxy(to string) int {
	conn, err := net.Dial("tcp", to)
	if err != nil {
		return 1
	}
	go func() { _, _ = io.Copy(conn, os.Stdin); _ = conn.Close() }()
	_, _ = io.Copy(os.Stdout, conn)
	return 0
}

// start is a server and the configuration that reaches it.
func start(t *testing.T, o sshtest.Options) (*sshtest.Server, remote.Config) {
	t.Helper()
	path, key, _ := sshtest.KeyFile(t, "")
	o.Authorized = key
	server := sshtest.Start(t, o)
	return server, remote.Config{
		Name: "i-0abc", Address: server.Addr, KeyFile: path,
		KnownHosts: []string{server.KnownHosts()}, Timeout: 10 * time.Second,
	}
}

func dial(t *testing.T, c remote.Config) *remote.Client {
	t.Helper()
	client, err := remote.Dial(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// dialError dials a server that must be refused, with an error of one line.
func dialError(t *testing.T, c remote.Config) error {
	t.Helper()
	client, err := remote.Dial(t.Context(), c)
	if err == nil {
		_ = client.Close()
	}
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	return err
}

func short(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
