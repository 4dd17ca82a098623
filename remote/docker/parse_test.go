package docker

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
)

const tcpHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// tcpTable is a table of rows LOCAL PEER STATE.
func tcpTable(rows ...string) []byte {
	text := tcpHeader
	for i, row := range rows {
		text += fmt.Sprintf("%4d: %s 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n", i, row)
	}
	return []byte(text)
}

func TestParseOpen(t *testing.T) {
	const (
		local   = "0301A8C0:1F90" // 192.168.1.3:8080
		client  = "0A00000A:C001" // 10.0.0.10
		local6  = "0000000000000000FFFF00000301A8C0:1F90"
		client6 = "B80D0120000000000000000001000000:C001" // 2001:db8::1
	)
	for name, test := range map[string]struct {
		row  string
		open int
	}{
		"client":                      {local + " " + client + " 01", 1},
		"client of the whole network": {"00000000:1F90 " + client + " 01", 1},
		"listening":                   {"00000000:1F90 00000000:0000 0A", 0},
		"closing":                     {local + " " + client + " 06", 0},
		"half open":                   {local + " " + client + " 03", 0},
		"loopback":                    {"0100007F:1F90 0100007F:C001 01", 0},
		"loopback 127.1.2.3":          {"0100007F:1F90 0302017F:C001 01", 0},
		"outgoing":                    {"0301A8C0:C001 0A00000A:1538 01", 0},
		"outgoing to that port":       {"0301A8C0:C001 0A00000A:1F90 01", 0},
		"IPv6 client":                 {local6 + " " + client6 + " 01", 1},
		"IPv4 client in tcp6":         {local6 + " 0000000000000000FFFF00000A00000A:C001 01", 1},
		"IPv6 loopback":               {"00000000000000000000000001000000:1F90 00000000000000000000000001000000:C001 01", 0},
		"IPv4 loopback in tcp6":       {local6 + " 0000000000000000FFFF00000100007F:C001 01", 0},
		"IPv4 127.1.2.3 in tcp6":      {local6 + " 0000000000000000FFFF00000302017F:C001 01", 0},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := parseOpen(tcpTable(test.row, test.row), 8080)
			require.NoError(t, err)
			require.Equal(t, 2*test.open, found)
		})
	}
	found, err := parseOpen([]byte(tcpHeader), 8080)
	require.NoError(t, err)
	require.Zero(t, found)
	for _, bad := range []string{"", "garbage", string(tcpTable("x y 01")), string(tcpTable("0100007F 0100007F:1 01")), string(tcpTable("0100007F:1F90 01:1 01")), string(tcpTable("0100007F:11F90 0100007F:1 01")), tcpHeader + "1: a\n"} {
		_, err := parseOpen([]byte(bad), 8080)
		require.Error(t, err, bad)
	}
}

func FuzzParseOpen(f *testing.F) {
	f.Add(string(tcpTable("0301A8C0:1F90 0A00000A:C001 01", "0100007F:1F90 0100007F:C001 01")), 8080)
	f.Add(tcpHeader+"\n", 0)
	f.Fuzz(func(t *testing.T, text string, port int) {
		found, err := parseOpen([]byte(text), port)
		if err != nil {
			return
		}
		require.LessOrEqual(t, found, strings.Count(text, "\n"))
		require.GreaterOrEqual(t, found, 0)
		if port < 0 || port > 65535 {
			require.Zero(t, found)
		}
	})
}

const snmp = `Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab
Tcp: 1 200 120000 -1 5 42 0 0 7
Udp: InDatagrams
Udp: 0
`

func TestParsePassiveOpens(t *testing.T) {
	found, err := parsePassiveOpens([]byte(snmp))
	require.NoError(t, err)
	require.Equal(t, uint64(42), found)
	const names = "Tcp: ActiveOpens PassiveOpens CurrEstab\n"
	for _, bad := range []string{
		"", names, "Tcp: A\nTcp: 1\n", "Tcp: ActiveOpens CurrEstab\nTcp: 1 2\n",
		names + "Tcp: 1\n", names + "Tcp: 1 x 2\n", names + "Tcp: 1 -1 2\n", names + "Tcp:\n",
	} {
		_, err := parsePassiveOpens([]byte(bad))
		require.Error(t, err, bad)
	}
}

func FuzzParsePassiveOpens(f *testing.F) {
	f.Add(snmp)
	f.Add("Tcp: ActiveOpens PassiveOpens CurrEstab\nTcp: 18446744073709551616 1 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parsePassiveOpens([]byte(text))
		if err != nil {
			require.Zero(t, found)
		}
	})
}

func TestParseVersion(t *testing.T) {
	seven := uint64(7)
	for body, want := range map[string]version{
		`{"commit":"abc","connections":7}`:    {"abc", &seven},
		`{"commit":"abc"}`:                    {"abc", nil},
		`{"commit":"abc","connections":-1}`:   {"abc", nil},
		`{"commit":"abc","connections":"7"}`:  {"abc", nil},
		`{"commit":"abc","connections":null}`: {"abc", nil},
		`{"commit":5,"connections":7}`:        {"", &seven},
		`{}`:                                  {},
	} {
		got, ok := parseVersion([]byte(body), "connections")
		require.True(t, ok, body)
		require.Equal(t, want, got, body)
	}
	for _, body := range []string{"", "null", "[]", `"x"`, "<html>"} {
		_, ok := parseVersion([]byte(body), "connections")
		require.False(t, ok, body)
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add(`{"commit":"abc","connections":7}`, "connections")
	f.Add(`{"":1}`, "")
	f.Fuzz(func(t *testing.T, body, field string) {
		got, ok := parseVersion([]byte(body), field)
		if !ok || field == "" {
			require.Nil(t, got.count)
		}
	})
}

func TestTrimLog(t *testing.T) {
	var long []string
	for i := range 20 {
		long = append(long, fmt.Sprint("line ", i))
	}
	require.Equal(t, long[10:], trimLog(strings.Join(long, "\n"), NewSecrets(nil)))
	require.Equal(t, []string{"a b", "red text"}, trimLog("\n a\tb \n\x1b\nred\x1b[31m\xff text\r\n", NewSecrets(nil)))
	require.Equal(t, []string{"trs: no space"}, trimLog("tr\x9es: no\x90 space\n", NewSecrets(nil)), "an old alphabet's letters begin no escape sequence")
	require.Equal(t, []string{"user [redacted] at [redacted]"}, trimLog("user hunter22 at hunter22-long\n", NewSecrets([]string{"A=hunter22", "B=hunter22-long"})))
	cut := trimLog(strings.Repeat("x", maxLogLine-4)+"hunter22", NewSecrets([]string{"A=hunter22"}))
	require.NotContains(t, cut[0], "hunt", "half a secret is one too")
	require.Equal(t, []string{"[redacted]"}, trimLog("hun\xffter22\n", NewSecrets([]string{"A=hunter22"})), "what is not printed was within it")
	require.Equal(t, []string{"[redacted] in colour"}, trimLog("hun\x1b[1mter\x1b[0m22 in \x1b[31mcolour\n", NewSecrets([]string{"A=hunter22"})), "a colour was within it")
}

func FuzzTrimLog(f *testing.F) {
	f.Add("a\nb\x00\x1b[2J\nsecret", "secret")
	f.Fuzz(func(t *testing.T, text, secret string) {
		lines := trimLog(text, NewSecrets([]string{"A=longer " + secret}))
		require.LessOrEqual(t, len(lines), maxLogLines)
		for _, line := range lines {
			require.NotEmpty(t, line)
			require.LessOrEqual(t, utf8.RuneCountInString(line), maxLogLine+1)
			require.False(t, strings.ContainsFunc(line, unicode.IsControl), "%q", line)
		}
	})
}

func TestRepository(t *testing.T) {
	for ref, want := range map[string]string{
		"nginx:1": "docker.io/library/nginx",
		"123.dkr.ecr.us-west-1.amazonaws.com/growl@sha256:" + strings.Repeat("a", 64): "123.dkr.ecr.us-west-1.amazonaws.com/growl",
		"127.0.0.1:5000/x:latest":           "127.0.0.1:5000/x",
		"sha256:" + strings.Repeat("a", 64): "",
		"<none>:<none>":                     "",
		"<none>@<none>":                     "",
	} {
		require.Equal(t, want, repository(ref), ref)
	}
}

func FuzzUnixSockets(f *testing.F) {
	f.Add("Num       RefCount Protocol Flags    Type St Inode Path\n0000: 00000002 00000000 00010000 0001 01 12 /run/docker.sock\n", "/var/run/docker.sock")
	f.Add("0000: 00000002 00000000 00000000 0001 03 12 /run/docker.sock\n", "/run/docker.sock")
	f.Fuzz(func(t *testing.T, sockets, path string) {
		if listens(sockets, path) {
			require.Contains(t, sockets, strings.TrimPrefix(path, "/var"))
		}
	})
}

func FuzzProcessStatus(f *testing.F) {
	f.Add("Name:\tsshd\nUid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100\nGroups:\t100 998 \n", uint32(998), uint32(0o660))
	f.Add("Uid:\n", uint32(0), uint32(0))
	f.Fuzz(func(t *testing.T, status string, group, mode uint32) {
		owner := &sftp.FileStat{UID: 1, GID: group}
		may := mayWrite(status, fs.FileMode(mode), owner)
		if mode&0o222 == 0 && may {
			require.Contains(t, statusNumbers(status, "Uid"), uint32(0), "only root may write to a file that nobody may write to")
		}
	})
}
