package fence_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/fence"
	"github.com/growl-dev/deploy/rollout"
)

// checks returns a check that succeeds so many times, and whose time is over then.
func checks(succeed int64) func() error {
	var made atomic.Int64
	return func() error {
		if made.Add(1) > succeed {
			return fmt.Errorf("stop: %w", rollout.ErrTooLate)
		}
		return nil
	}
}

func TestNothingIsSentWhenTheTimeIsOver(t *testing.T) {
	// A request whose context is cancelled is sent all the same one time in a thousand, so HTTP/1 is tried often.
	tries := map[string]int{"HTTP/1": 2000, "TLS": 50, "HTTP/2": 50}
	for name, serve := range map[string]func(http.Handler) *httptest.Server{
		"HTTP/1": httptest.NewServer,
		"TLS":    httptest.NewTLSServer,
		"HTTP/2": func(h http.Handler) *httptest.Server {
			s := httptest.NewUnstartedServer(h)
			s.EnableHTTP2 = true
			s.StartTLS()
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			var served atomic.Int64
			server := serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				served.Add(1)
			}))
			defer server.Close()
			for _, body := range []string{"", "Action=DeregisterTargets"} {
				post := func(ctx context.Context) error {
					request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader(body))
					require.NoError(t, err)
					response, err := server.Client().Do(request)
					if err == nil {
						err = response.Body.Close()
					}
					return err
				}
				served.Store(0)
				require.NoError(t, fence.Send(t.Context(), checks(2), post), "in time")
				require.EqualValues(t, 1, served.Load())
				for range tries[name] { // also on a connection that is kept alive
					require.ErrorIs(t, fence.Send(t.Context(), checks(1), post), rollout.ErrTooLate)
					require.ErrorIs(t, fence.Send(t.Context(), checks(0), post), rollout.ErrTooLate)
					// With HTTP/2 the next request may still meet the closed connection, and then has to be sent again.
					for post(t.Context()) != nil {
						require.Equal(t, "HTTP/2", name)
					}
				}
				assert.EqualValues(t, tries[name]+1, served.Load(), "what came too late was sent")
			}
		})
	}
}

func TestTheErrorOfACallInTimeIsItsOwn(t *testing.T) {
	refused := errors.New("refused")
	assert.Equal(t, refused, fence.Send(t.Context(), checks(1), func(context.Context) error { return refused }))
}
