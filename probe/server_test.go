package probe_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// script handles each connection of a server. turn counts the requests of one connection from 0. A script returns the
// raw answer, and whether the connection goes on.
type script func(turn int) (answer string, goOn bool)

// serve runs a script on a loopback port and returns its URL.
func serve(t testing.TB, s script) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { play(conn, s) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return "http://" + listener.Addr().String()
}

func play(conn net.Conn, s script) {
	defer func() { _ = conn.Close() }()
	read := bufio.NewReader(conn)
	for turn := 0; ; turn++ {
		if _, err := http.ReadRequest(read); err != nil {
			return
		}
		answer, goOn := s(turn)
		if _, err := io.WriteString(conn, answer); err != nil || !goOn {
			return
		}
	}
}

// ok is a good answer that names a commit.
func ok(commit string) string {
	body := fmt.Sprintf(`{"commit":%q}`, commit)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// okAndClose returns the same, and announces that the connection ends.
func okAndClose(commit string) string {
	body := fmt.Sprintf(`{"commit":%q}`, commit)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}
