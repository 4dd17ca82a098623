package wire_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

func sample() wire.Snapshot {
	stack := wire.NewStack(wire.FirstContainer)
	network := wire.New()
	network.PublishEndpoint(80, wire.Endpoint{Addr: "127.0.0.1:1", Port: 8080, Stack: stack})
	stack.Connect(41000, netip.MustParseAddrPort("10.0.3.4:5432"))
	stack.Probe(8080, 42000)
	return stack.Snapshot()
}

func TestProcFilesHoldTheRows(t *testing.T) {
	tcp := strings.Split(string(sample().TCP()), "\n")
	require.Len(t, tcp, 4, "header, the pool's connection, the probe's client side, end")
	assert.Equal(t, "   0: 020011AC:A028 0403000A:1538 01 00000000:00000000 00:00000000 00000000 65532        0 20001 1 0000000000000000 20 4 30 10 -1",
		strings.TrimRight(tcp[1], " "))
	tcp6 := strings.Split(string(sample().TCP6()), "\n")
	require.Len(t, tcp6, 4, "header, the listener, the probe's server side, end")
	assert.True(t, strings.HasPrefix(tcp6[1], "   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A "), tcp6[1])
	assert.True(t, strings.HasPrefix(tcp6[2], "   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:A410 01 "), tcp6[2])
	assert.Contains(t, string(sample().SNMP()), "\nTcp: 1 200 120000 -1 2 1 0 0 3 ")
}

// TestProcFormatIsTheKernels makes the same kinds of connections for real and
// compares each line's form, byte by byte but for the digits.
func TestProcFormatIsTheKernels(t *testing.T) {
	kernel := map[string]string{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, _ := connection(t, l)
	waiting, server := connection(t, l)
	require.NoError(t, server.Close())
	_, err = waiting.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	require.NoError(t, waiting.Close())
	for _, name := range []string{"tcp", "tcp6", "snmp"} {
		content, err := os.ReadFile("/proc/self/net/" + name)
		if err != nil {
			t.Skipf("needs Linux's /proc: %v", err)
		}
		kernel[name] = string(content)
	}
	assert.Equal(t, firstLine(kernel["tcp"]), firstLine(string(sample().TCP())))
	// Up to the inode: what follows differs between kernels in width.
	compareLines(t, lineOf(t, kernel["tcp"], c.LocalAddr(), c.RemoteAddr(), wire.StateEstablished), wire.StateEstablished, 10)
	compareLines(t, lineOf(t, kernel["tcp"], waiting.RemoteAddr(), waiting.LocalAddr(), wire.StateTimeWait), wire.StateTimeWait, 12)
	assert.Equal(t, firstLine(kernel["tcp6"]), firstLine(string(sample().TCP6())))
	compareCounters(t, kernel["snmp"], string(sample().SNMP()))
}

func connection(t *testing.T, l net.Listener) (client, server net.Conn) {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	server, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { server.Close() })
	return client, server
}

// lineOf is the kernel's line of the connection in that state.
func lineOf(t *testing.T, table string, local, remote net.Addr, state wire.State) string {
	t.Helper()
	part := fmt.Sprintf("0100007F:%04X 0100007F:%04X %02X ", local.(*net.TCPAddr).Port, remote.(*net.TCPAddr).Port, state)
	for line := range strings.SplitSeq(table, "\n") {
		if strings.Contains(line, part) {
			return line
		}
	}
	require.Fail(t, "no line", "with %q", part)
	return ""
}

func compareLines(t *testing.T, real string, state wire.State, columns int) {
	t.Helper()
	row := wire.Row{Local: client, Peer: client, State: state}
	model := strings.Split(string(wire.Snapshot{Rows: []wire.Row{row}}.TCP()), "\n")[1]
	assert.Len(t, model, len(real), "lines are padded alike")
	realFields, modelFields := strings.Fields(real), strings.Fields(model)
	require.Len(t, modelFields, len(realFields))
	for i, field := range modelFields[:columns] {
		assert.Equal(t, form(i, realFields[i]), form(i, field), "column %d", i)
	}
}

// form replaces digits: the width of a hexadecimal column counts, that of a
// number (the row, the user, the timeout, the inode) does not.
func form(column int, field string) string {
	switch column {
	case 0, 7, 8, 9:
		return regexp.MustCompile(`^[0-9]+`).ReplaceAllString(field, "number")
	default:
		return regexp.MustCompile(`[0-9A-Fa-f]`).ReplaceAllString(field, "x")
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// compareCounters wants, for each protocol, the columns that the kernel has at
// the same places; newer kernels have more at the end.
func compareCounters(t *testing.T, kernel, ours string) {
	t.Helper()
	real, model := headers(kernel), headers(ours)
	for _, protocol := range []string{"Ip:", "Tcp:", "Udp:"} {
		require.NotEmpty(t, real[protocol])
		n := min(len(real[protocol]), len(model[protocol]))
		assert.Equal(t, real[protocol][:n], model[protocol][:n], protocol)
	}
	assert.Equal(t, real["Tcp:"], model["Tcp:"])
}

func headers(s string) map[string][]string {
	found := map[string][]string{}
	for line := range strings.SplitSeq(s, "\n") {
		fields := strings.Fields(line)
		if len(fields) > 1 && found[fields[0]] == nil {
			found[fields[0]] = fields
		}
	}
	return found
}
