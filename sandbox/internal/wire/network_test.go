package wire_test

import (
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

var client = netip.MustParseAddrPort("203.0.113.7:50123")

// program listens on a loopback address and hands out what it accepts.
func program(t *testing.T) (addr string, accepted <-chan *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	conns := make(chan *net.TCPConn, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c.(*net.TCPConn)
		}
	}()
	return l.Addr().String(), conns
}

func states(s wire.Snapshot) []wire.State {
	var states []wire.State
	for _, r := range s.Rows {
		states = append(states, r.State)
	}
	return states
}

func TestDialIsRefusedWhereNothingIsServed(t *testing.T) {
	network := wire.New()
	_, err := network.Dial(t.Context(), 8080, client)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	addr, _ := program(t)
	network.Publish(8080, addr)
	network.Unpublish(8080)
	_, err = network.Dial(t.Context(), 8080, client)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Zero(t, network.Table(8080))
}

func TestDialIsRefusedWhereTheProgramDoesNotListen(t *testing.T) {
	network := wire.New()
	stack := network.Publish(8080, porttest.Refused)
	_, err := network.Dial(t.Context(), 8080, client)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.Zero(t, stack.Snapshot().PassiveOpens)
}

func TestConnectionIsShownFromDialToFIN(t *testing.T) {
	addr, accepted := program(t)
	network := wire.New()
	network.Publish(8080, addr)
	conn, err := network.Dial(t.Context(), 8080, client)
	require.NoError(t, err)
	assert.Equal(t, client.String(), conn.LocalAddr().String())
	server := <-accepted

	table := network.Table(8080)
	require.Equal(t, []wire.State{wire.StateListen, wire.StateEstablished}, states(table))
	assert.Equal(t, wire.Row{
		Local: netip.AddrPortFrom(wire.FirstContainer, 8080), Peer: client, State: wire.StateEstablished, V6: true,
	}, table.Rows[1])
	assert.EqualValues(t, 1, table.PassiveOpens)

	require.NoError(t, server.CloseWrite())
	_, err = conn.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	assert.Equal(t, []wire.State{wire.StateListen, wire.StateFinWait2}, states(network.Table(8080)), "the service's FIN ends it")

	require.NoError(t, conn.Close())
	assert.Equal(t, []wire.State{wire.StateListen, wire.StateTimeWait}, states(network.Table(8080)), "who closes first waits")
	assert.EqualValues(t, 1, network.Table(8080).PassiveOpens, "the count stays")
}

func TestHalfCloseReachesTheProgram(t *testing.T) {
	addr, accepted := program(t)
	network := wire.New()
	network.Publish(8080, addr)
	conn, err := network.Dial(t.Context(), 8080, client)
	require.NoError(t, err)
	defer conn.Close()
	server := <-accepted
	require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	_, err = server.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	assert.Equal(t, []wire.State{wire.StateListen, wire.StateCloseWait}, states(network.Table(8080)))
	assert.Equal(t, 1, network.Table(8080).Established(), "CurrEstab counts CLOSE_WAIT")

	require.NoError(t, server.Close())
	_, err = conn.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	assert.Equal(t, []wire.State{wire.StateListen}, states(network.Table(8080)), "the peer closed first")
}

func TestTimeWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, conn := net.Pipe()
		stack := wire.NewStack(wire.FirstContainer)
		tracked := wire.Track(stack, conn, client)
		server.Close()
		_, err := tracked.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		require.NoError(t, tracked.Close())
		time.Sleep(59 * time.Second)
		assert.Len(t, stack.Snapshot().Rows, 1)
		time.Sleep(2 * time.Second)
		assert.Empty(t, stack.Snapshot().Rows)
	})
}

func TestTimeoutOfARead(t *testing.T) {
	addr, _ := program(t)
	network := wire.New()
	network.Publish(8080, addr)
	conn, err := network.Dial(t.Context(), 8080, client)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetReadDeadline(time.Unix(1, 0)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Equal(t, 1, network.Table(8080).Established(), "a deadline is not the connection's end")
}

func TestDialHostKnowsTheInstancesAddresses(t *testing.T) {
	addr, accepted := program(t)
	network := wire.New()
	network.PublishEndpoint(80, wire.Endpoint{Addr: addr, Port: 8080, Stack: wire.NewStack(wire.FirstContainer)})
	for _, to := range []struct {
		host string
		port int
		err  error
	}{
		{"localhost", 80, nil},
		{"127.0.0.1", 80, nil},
		{"::1", 80, nil},
		{"172.17.0.2", 8080, nil},
		{"172.17.0.2", 80, syscall.ECONNREFUSED},
		{"127.0.0.1", 8080, syscall.ECONNREFUSED},
		{"198.51.100.1", 80, syscall.EHOSTUNREACH},
		{"not-known", 80, syscall.EHOSTUNREACH},
	} {
		conn, err := network.DialHost(t.Context(), to.host, to.port, 40001)
		require.ErrorIs(t, err, to.err, to)
		if err == nil {
			assert.Equal(t, "172.17.0.1:40001", conn.LocalAddr().String())
			(<-accepted).Close()
			conn.Close()
		}
	}
}

func TestOtherConnectionsOfAContainer(t *testing.T) {
	stack := wire.NewStack(wire.FirstContainer)
	database := netip.MustParseAddrPort("10.0.3.4:5432")
	closeConn := stack.Connect(41000, database)
	closeProbe := stack.Probe(8080, 42000)
	snap := stack.Snapshot()
	assert.Equal(t, 3, snap.Established())
	assert.EqualValues(t, 1, snap.PassiveOpens, "the probe")
	assert.EqualValues(t, 2, snap.ActiveOpens)
	assert.Equal(t, database, snap.Rows[0].Peer)
	assert.False(t, snap.Rows[0].V6)
	closeProbe()
	closeConn()
	assert.Zero(t, stack.Snapshot().Established())
}
