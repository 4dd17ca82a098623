//go:build unix

package porttest

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestListening(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	_, own, _ := net.SplitHostPort(conn.LocalAddr().String())
	ports, err := listening()
	require.NoError(t, err)
	assert.True(t, ports[port])
	assert.False(t, ports[own], "a connection")

	require.NoError(t, l.Close())
	Closed(t, address)
	Closed(t, Refused)
	ports, err = listening()
	require.NoError(t, err)
	assert.False(t, ports[port])
}
