package docker

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// proc is an instance of which only /proc is there.
type proc struct {
	Conn
	files  map[string][]byte
	broken string // a file that is there and cannot be read
	read   []string
}

func (p *proc) Reread(_ context.Context, names ...string) (contents [][]byte, err error) {
	for _, name := range names {
		p.read = append(p.read, strings.TrimPrefix(name, "/proc/7/net/"))
		if name == p.broken {
			err = errBroken
			contents = append(contents, nil)
			continue
		}
		contents = append(contents, p.files[name])
	}
	return contents, err
}

var errBroken = errors.New("SFTP status 4")

// A table that cannot be read is not one that there is not: the connections may be in it.
func TestATableThatCannotBeReadIsNotEmpty(t *testing.T) {
	p := &proc{files: map[string][]byte{"/proc/7/net/tcp": tcpTable()}, broken: "/proc/7/net/tcp6"}
	_, err := (&Host{conn: p}).countOpen(t.Context(), &serving{pid: 7, port: 8080})
	require.ErrorIs(t, err, errBroken)
	_, err = (&Host{conn: p}).countOpen(t.Context(), &serving{pid: 7, port: 8080, tables: tables{names: []string{"tcp6"}}})
	require.ErrorIs(t, err, errBroken)
}

// Counters are believed though the file of the count cannot be read; the other way round
// nothing is known.
func TestOneOfTwoFilesAtAGlance(t *testing.T) {
	p := &proc{files: map[string][]byte{
		"/proc/7/net/snmp": []byte("Tcp: ActiveOpens PassiveOpens CurrEstab\nTcp: 1 2 3\n"),
		"/logs/n":          []byte("7\n"),
	}, broken: "/logs/n"}
	s := &serving{pid: 7, count: count{file: "/logs/n"}}
	found, err := (&Host{conn: p}).glance(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, glance{counters: counters{1, 2, 3}}, found)
	p.broken = "/proc/7/net/snmp"
	_, err = (&Host{conn: p}).glance(t.Context(), s)
	require.ErrorIs(t, err, errBroken)
	p.broken = ""
	delete(p.files, "/proc/7/net/snmp")
	_, err = (&Host{conn: p}).glance(t.Context(), s)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// The tables that are read are those of the socket that listens, whenever it
// moves or goes: connections are never overlooked.
func TestTablesAreThoseOfTheListener(t *testing.T) {
	const (
		listening = "00000000:1F90 00000000:0000 0A"
		client    = "0301A8C0:1F90 0A00000A:C001 01"
		other     = "00000000:0050 00000000:0000 0A"
	)
	p := &proc{files: map[string][]byte{}}
	h, c := &Host{conn: p}, &serving{pid: 7, port: 8080}
	sample := func(open int, reads ...string) {
		t.Helper()
		p.read = nil
		found, err := h.countOpen(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, open, found)
		slices.Sort(p.read)
		require.Equal(t, reads, p.read)
	}
	put := func(name string, rows ...string) { p.files["/proc/7/net/"+name] = tcpTable(rows...) }

	put("tcp", other)
	put("tcp6", client, client)
	sample(2, "tcp", "tcp6") // nobody listens yet
	sample(2, "tcp", "tcp6")
	put("tcp6", listening, client)
	sample(1, "tcp", "tcp6")
	sample(1, "tcp6")
	put("tcp6", client) // it listens no more
	put("tcp", client)
	sample(2, "tcp", "tcp6", "tcp6")
	put("tcp", listening, client) // elsewhere
	put("tcp6")
	sample(1, "tcp", "tcp6")
	sample(1, "tcp")
	put("tcp6", listening, client)
	put("tcp", client)
	sample(2, "tcp", "tcp", "tcp6")
	put("tcp", listening)
	put("tcp6")
	sample(0, "tcp", "tcp6", "tcp6")

	delete(p.files, "/proc/7/net/tcp6") // an instance without IPv6
	sample(0, "tcp")
	put("tcp", listening)
	sample(0, "tcp")
	sample(0, "tcp")
	p.files = nil // the container was restarted
	_, err := h.countOpen(t.Context(), c)
	require.ErrorIs(t, err, fs.ErrNotExist)
	c.tables.names = []string{"tcp6"}
	_, err = h.countOpen(t.Context(), c)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
