package docker

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// piped is an instance whose service is a function.
type piped struct {
	Conn
	serve func(net.Conn)
}

func (p piped) Exchange(ctx context.Context, _ string, talk func(io.ReadWriter) error) error {
	ours, theirs := net.Pipe()
	go p.serve(theirs)
	defer ours.Close()
	defer context.AfterFunc(ctx, func() { _ = ours.Close() })()
	return talk(ours)
}

// A question is over when the service has closed its connection, where it says that
// it will; one that does not keep its word has answered all the same.
func TestAQuestionEndsWithItsConnection(t *testing.T) {
	for name, test := range map[string]struct {
		header string
		closes time.Duration
		want   time.Duration
	}{
		"at once":  {"Connection: close\r\n", 0, 0},
		"later":    {"Connection: close\r\n", endTimeout / 2, endTimeout / 2},
		"too late": {"Connection: close\r\n", time.Hour, endTimeout},
		"keeps it": {"", time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := service{conn: piped{serve: func(c net.Conn) {
					defer c.Close()
					if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
						_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+test.header+"Content-Length: 2\r\n\r\nok")
						time.Sleep(test.closes)
					}
				}}}
				began := time.Now()
				said, err := s.get(t.Context(), "/")
				require.NoError(t, err)
				require.Equal(t, answer{http.StatusOK, []byte("ok")}, said)
				require.Equal(t, test.want, time.Since(began))
				time.Sleep(test.closes)
				synctest.Wait()
			})
		})
	}
}
