package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// counting is an instance with one container, whose network is counted as the kernel counts it.
type counting struct {
	Conn
	passive   uint64            // connections that the kernel accepted
	open      int               // connections of clients
	requested uint64            // of the accepted ones, those that carried a request of a client
	uncounted bool              // the service has no count of its own
	mute      bool              // the service does not answer
	file      func() string     // what the count file holds; nil: there is none
	tables    map[string][]byte // instead of the kernel's tables
	failing   map[string]error  // files that cannot be read
	asked     int
}

var errBroken = errors.New("SFTP status 4")

const (
	tcp6Path  = "/proc/7/net/tcp6"
	tcpPath   = "/proc/7/net/tcp"
	snmpPath  = "/proc/7/net/snmp"
	countPath = "/logs/connections"

	clientRow = "0301A8C0:1F90 0A00000A:C001 01"
)

func (n *counting) ReadFile(_ context.Context, name string) ([]byte, error) {
	if err := n.failing[name]; err != nil {
		return nil, err
	}
	if n.tables != nil {
		if data := n.tables[name]; data != nil {
			return data, nil
		}
		return nil, fs.ErrNotExist
	}
	switch {
	case name == snmpPath:
		return fmt.Appendf(nil, "Tcp: ActiveOpens PassiveOpens CurrEstab\nTcp: 1 %d 2\n", n.passive), nil
	case name == tcpPath:
		return tcpTable(), nil
	case name == tcp6Path:
		rows := []string{"00000000:1F90 00000000:0000 0A"}
		for range n.open {
			rows = append(rows, clientRow)
		}
		return tcpTable(rows...), nil
	case name == countPath && n.file != nil:
		return []byte(n.file()), nil
	}
	return nil, fs.ErrNotExist
}

func (n *counting) Exchange(_ context.Context, _ string, talk func(io.ReadWriter) error) error {
	if n.mute {
		return errors.New("connection refused")
	}
	n.asked++
	n.passive++
	body := fmt.Sprintf(`{"connections":%d}`, n.requested)
	if n.uncounted {
		body = "{}"
	}
	return talk(&canned{fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)})
}

// canned is a stream that answers the same whatever is written to it.
type canned struct{ answer []byte }

func (s *canned) Write(p []byte) (int, error) { return len(p), nil }

func (s *canned) Read(p []byte) (int, error) {
	if len(s.answer) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.answer)
	s.answer = s.answer[n:]
	return n, nil
}

// connect and disconnect are a client's.
func (n *counting) connect(requests uint64) {
	n.passive++
	n.open++
	n.requested += requests
}

func (n *counting) disconnect() { n.open-- }

// passBy is a connection that comes and goes between two samples.
func (n *counting) passBy(requests uint64) {
	n.connect(requests)
	n.disconnect()
}

func (n *counting) countFile() string { return fmt.Sprintf("%020d\n", n.requested) }

func (n *counting) sampler() *sampler {
	spec := Spec{HostPort: 80, VersionPath: "/version", CountField: "connections"}
	return &sampler{conn: n, service: service{conn: n, spec: spec}, process: 7, port: 8080, countFile: countPath}
}

func (n *counting) sample(t *testing.T, s *sampler) rollout.Traffic {
	t.Helper()
	found, err := s.sample(t.Context())
	require.NoError(t, err)
	return found
}

// happen lets clients, health checks and requests happen, at random.
func (n *counting) happen(dice *rand.Rand) {
	for range dice.IntN(4) {
		switch dice.IntN(5) {
		case 0:
			n.connect(1)
		case 1:
			n.connect(0)
		case 2:
			for range min(n.open, dice.IntN(5)) {
				n.disconnect()
			}
		case 3:
			n.passBy(uint64(dice.IntN(2)))
		case 4:
			if n.open > 0 {
				n.requested++ // the first request on a connection that was open before
			}
		}
	}
}

// TestEverySampleIsExact holds that no sample leaves anything out, whatever happened before it and whoever counts.
func TestEverySampleIsExact(t *testing.T) {
	for name, prepare := range map[string]func(*counting){
		"count file": func(n *counting) { n.file = n.countFile },
		"service":    func(*counting) {},
		"kernel":     func(n *counting) { n.uncounted = true },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(50) {
				dice := rand.New(rand.NewPCG(seed, 0))
				n := &counting{}
				prepare(n)
				s := n.sampler()
				for range 50 {
					n.happen(dice)
					found := n.sample(t, s)
					want := rollout.Traffic{Open: n.open, Opened: n.requested, Source: rollout.ServiceCount}
					if n.uncounted {
						want.Opened, want.Source = n.passive, rollout.KernelCount
					}
					require.Equal(t, want, found, "seed %d", seed)
				}
			}
		})
	}
}

// TestTheKernelsCountHidesOurOwnRequest holds that the request which finds no count of the service's own does not show
// as a client that came between two samples.
func TestTheKernelsCountHidesOurOwnRequest(t *testing.T) {
	n := &counting{uncounted: true}
	s := n.sampler()
	first := n.sample(t, s)
	require.Equal(t, first, n.sample(t, s))
	require.Equal(t, 1, n.asked)
	n.passBy(0)
	require.Equal(t, first.Opened+1, n.sample(t, s).Opened)
}

// TestWithoutACountFieldTheServiceIsNotAsked holds that a spec without a count leaves the service alone.
func TestWithoutACountFieldTheServiceIsNotAsked(t *testing.T) {
	n := &counting{}
	s := n.sampler()
	s.service.spec.CountField = ""
	require.Equal(t, rollout.KernelCount, n.sample(t, s).Source)
	s = n.sampler()
	s.service.spec.CountField, s.hostNetwork = "", true
	require.Equal(t, rollout.Uncounted, n.sample(t, s).Source)
	require.Zero(t, n.asked)
}

// TestASampleFailsAsAWhole holds that nothing is reported if one of the two numbers cannot be read.
func TestASampleFailsAsAWhole(t *testing.T) {
	for name, test := range map[string]struct {
		uncounted bool
		fails     string // a file, or empty for the service
		says      string
	}{
		"the table of IPv4":   {false, tcpPath, "SFTP status 4"},
		"the table of IPv6":   {false, tcp6Path, "SFTP status 4"},
		"the kernel's count":  {true, snmpPath, "SFTP status 4"},
		"the service's count": {false, "", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			n := &counting{uncounted: test.uncounted}
			s := n.sampler()
			for range 2 {
				n.passBy(1)
				n.mute, n.failing = test.fails == "", map[string]error{test.fails: errBroken}
				for range 3 {
					found, err := s.sample(t.Context())
					require.ErrorContains(t, err, test.says)
					require.Zero(t, found)
				}
				n.mute, n.failing = false, nil
				require.Zero(t, n.sample(t, s).Open)
			}
		})
	}
	t.Run("a count that is gone", func(t *testing.T) {
		n := &counting{}
		s := n.sampler()
		n.sample(t, s)
		n.uncounted = true
		_, err := s.sample(t.Context())
		require.ErrorContains(t, err, `GET /version no longer answers with "connections"`)
	})
}

// TestBothTablesAreCounted holds that an instance may lack IPv6, and that a process which ended is never taken for a
// quiet one.
func TestBothTablesAreCounted(t *testing.T) {
	n := &counting{tables: map[string][]byte{
		tcpPath:  tcpTable(clientRow),
		tcp6Path: tcpTable(clientRow, clientRow),
	}}
	s := n.sampler()
	require.Equal(t, 3, n.sample(t, s).Open)
	delete(n.tables, tcp6Path)
	require.Equal(t, 1, n.sample(t, s).Open)
	n.tables = map[string][]byte{tcp6Path: tcpTable()}
	_, err := s.sample(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist, "it ended between the two tables")
	n.tables[tcpPath] = []byte("garbage")
	_, err = s.sample(t.Context())
	require.ErrorContains(t, err, "parse "+tcpPath)
}

// TestAServiceWithACountFileIsAskedOnce holds that the file takes the place of requests.
func TestAServiceWithACountFileIsAskedOnce(t *testing.T) {
	n := &counting{requested: 3}
	n.file = n.countFile
	s := n.sampler()
	for range 5 {
		n.passBy(1)
		require.Equal(t, n.requested, n.sample(t, s).Opened)
	}
	require.Equal(t, 1, n.asked)
}

// TestCountFilesThatAreNotUsed holds that the service is asked if its file cannot be right.
func TestCountFilesThatAreNotUsed(t *testing.T) {
	for name, file := range map[string]func() string{
		"absent":          nil,
		"of a run before": func() string { return "2\n" },
		"empty":           func() string { return "" },
		"not a number":    func() string { return "root:x:0:0\n" },
		"too large":       func() string { return "99999999999999999999999\n" },
	} {
		t.Run(name, func(t *testing.T) {
			n := &counting{file: file, requested: 3}
			s := n.sampler()
			for range 3 {
				n.passBy(1)
				found := n.sample(t, s)
				require.Equal(t, n.requested, found.Opened)
				require.Equal(t, rollout.ServiceCount, found.Source)
			}
			require.Equal(t, 3, n.asked)
		})
	}
}

// TestACountFileThatIsLostIsNotUsedAgain holds that the service is asked from then on, but that a moment in which
// neither can be read changes nothing.
func TestACountFileThatIsLostIsNotUsedAgain(t *testing.T) {
	for name, lose := range map[string]func(*counting){
		"removed":    func(n *counting) { n.file = nil },
		"unreadable": func(n *counting) { n.failing = map[string]error{countPath: errBroken} },
		"spoilt":     func(n *counting) { n.file = func() string { return "\x00\x00\n" } },
	} {
		t.Run(name, func(t *testing.T) {
			n := &counting{requested: 3}
			n.file = n.countFile
			s := n.sampler()
			restore := func() { n.file, n.failing, n.mute = n.countFile, nil, false }
			n.sample(t, s)

			lose(n)
			n.mute = true
			_, err := s.sample(t.Context())
			require.ErrorContains(t, err, "connection refused")
			restore()
			n.sample(t, s)
			require.Equal(t, 1, n.asked)

			lose(n)
			n.passBy(1)
			require.Equal(t, uint64(4), n.sample(t, s).Opened)
			restore()
			n.passBy(1)
			require.Equal(t, uint64(5), n.sample(t, s).Opened)
			require.Equal(t, 3, n.asked)
		})
	}
}

func TestFilesOfAContainerOnTheInstance(t *testing.T) {
	mounts := []container.MountPoint{
		{Source: "/srv/logs", Destination: "/tmp/logs"},
		{Source: "/srv/deep", Destination: "/tmp/logs/deep/"},
		{Source: "volume", Destination: "/data"},
		{Source: "/", Destination: "/host"},
	}
	for name, want := range map[string]string{
		"/tmp/logs/connections":        "/srv/logs/connections",
		"/tmp/logs/./a/../connections": "/srv/logs/connections",
		"/tmp/logs/deep/n":             "/srv/deep/n",
		"/tmp/logs/../../etc/shadow":   "",
		"/tmp/logs":                    "",
		"/tmp/logsmore/n":              "",
		"/data/n":                      "",
		"/host/n":                      "/n",
		"tmp/logs/n":                   "",
		"":                             "",
	} {
		require.Equal(t, want, onInstance(mounts, name), name)
	}
	require.Equal(t, "/srv/all/n", onInstance([]container.MountPoint{{Source: "/srv/all", Destination: "/"}}, "/n"))
}
