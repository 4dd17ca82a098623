package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
)

// calls are the three calls of a store.
func calls(ctx context.Context, store ledger.Store) map[string]error {
	_, get := store.Get(ctx, "dev/current")
	_, put := store.Put(ctx, "dev/current", []byte("{}"), ledger.Absent)
	_, list := store.List(ctx, "dev/")
	return map[string]error{"get": get, "put": put, "list": list}
}

func cutOff(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)+10))
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		panic(http.ErrAbortHandler)
	}
}

// What passes is asked again by the ledger, so it must be told from what does not.
func TestAnswersThatMayBeBetterNextTime(t *testing.T) {
	refusing := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, code) }
	}
	for name, answer := range map[string]http.HandlerFunc{
		"throttled":           refusing(http.StatusServiceUnavailable, "SlowDown"),
		"failed":              refusing(http.StatusInternalServerError, "InternalError"),
		"conflicting":         refusing(http.StatusConflict, "ConditionalRequestConflict"),
		"slow request":        refusing(http.StatusBadRequest, "RequestTimeout"),
		"a gateway's":         func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) },
		"no answer":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut off":             cutOff(http.StatusOK, "<ListBucketResult></ListBucketResult>"),
		"an error cut off":    cutOff(http.StatusForbidden, "<Error><Code>Acc"),
		"a redirect cut off":  cutOff(http.StatusMovedPermanently, ""),
		"an error cut before": cutOff(http.StatusBadRequest, ""),
	} {
		t.Run(name, func(t *testing.T) {
			for call, err := range calls(t.Context(), answering(t, nil, answer)) {
				require.ErrorIs(t, err, ledger.ErrUnavailable, call)
				assert.NotContains(t, err.Error(), "\n")
			}
		})
	}
	list := answering(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<ListBucketResult><Contents><Key>a</Key></Contents>"))
	})
	_, err := list.List(t.Context(), "")
	require.ErrorIs(t, err, ledger.ErrUnavailable)
}

func TestAnswersThatStay(t *testing.T) {
	whole := func(w http.ResponseWriter) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "Fri, 24 May 2013 00:00:00 GMT")
	}
	for want, answer := range map[string]http.HandlerFunc{
		"S3 answers 403 Forbidden": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusForbidden) },
		"S3 answers 404 NotFound":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusNotFound) },
		"S3 answers 204 NoContent": func(w http.ResponseWriter, _ *http.Request) { whole(w); w.WriteHeader(http.StatusNoContent) },
		"S3 answers 400 Odd: a b c": func(w http.ResponseWriter, _ *http.Request) {
			raw(w, "<Error><Code>Odd</Code><Message>a\nb\tc</Message></Error>")
		},
		"larger than 16777216 bytes": func(w http.ResponseWriter, _ *http.Request) {
			whole(w)
			_, _ = w.Write(bytes.Repeat([]byte(" "), 16<<20+1))
		},
		"S3 answers 400 BadRequest": func(w http.ResponseWriter, _ *http.Request) {
			raw(w, "<Error><Code>Odd</Code><Message>"+strings.Repeat("long ", 1000))
		},
	} {
		t.Run(want, func(t *testing.T) {
			for call, err := range calls(t.Context(), answering(t, nil, answer)) {
				if strings.HasPrefix(want, "larger") && call != "get" || strings.Contains(want, "204") && call == "list" {
					continue // what such an answer holds does not matter
				}
				require.ErrorContains(t, err, want, call)
				for _, kind := range []error{ledger.ErrUnavailable, ledger.ErrNotFound, ledger.ErrConflict} {
					assert.NotErrorIs(t, err, kind, call)
				}
				assert.NotContains(t, err.Error(), "\n")
			}
		})
	}
	for missing, calls := range map[string][]bool{"ETag": {true, true}, "Date": {true, true}, "Last-Modified": {true, false}} {
		store := answering(t, nil, func(w http.ResponseWriter, _ *http.Request) {
			whole(w)
			w.Header()[http.CanonicalHeaderKey(missing)] = nil
		})
		_, get := store.Get(t.Context(), "dev/current")
		_, put := store.Put(t.Context(), "dev/current", nil, ledger.Absent)
		for i, err := range []error{get, put} {
			if calls[i] {
				require.ErrorContains(t, err, "the store's answer has no "+missing)
			} else {
				require.NoError(t, err, missing)
			}
		}
	}
}

func raw(w http.ResponseWriter, body string) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(body))
}

// Who asks in vain for a host that does not exist is told so at once.
func TestHostsThatAreNotThere(t *testing.T) {
	for name, row := range map[string]struct {
		cause   error
		passing bool
	}{
		"unknown": {&net.DNSError{Err: "no such host", Name: "s3.example.net", IsNotFound: true}, false},
		"refused": {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		"broken":  {errors.New("tls: bad record"), true},
	} {
		client := exchange(func(*http.Request) (*http.Response, error) { return nil, &url.Error{Op: "Get", Err: row.cause} })
		store, err := ledger.NewS3FromConfig(configured(client), ledger.S3Options{Bucket: "growl-states"})
		require.NoError(t, err)
		for call, err := range calls(t.Context(), store) {
			require.ErrorIs(t, err, row.cause, "%s %s", name, call)
			assert.Equal(t, row.passing, errors.Is(err, ledger.ErrUnavailable), "%s %s", name, call)
		}
	}
}

// A call lasts as long as its context, before and within the answer.
func TestCallsEndWithTheirContext(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"silent": func(http.ResponseWriter) {},
		"stuck": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("<"))
			_ = http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, put := make(chan struct{}, 1), make(chan struct{}, 1)
			store := answering(t, nil, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body) // net/http sees that a client is gone only then
				begin(w)
				arrived := map[string]chan struct{}{http.MethodGet: got, http.MethodPut: put}[r.Method]
				select {
				case arrived <- struct{}{}:
				default:
				}
				<-r.Context().Done()
			})
			for tries := 0; len(got) == 0; tries++ { // a busy machine may not send it in time
				require.Less(t, tries, 50)
				late, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				_, err := store.Get(late, "dev/current")
				cancel()
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorIs(t, err, ledger.ErrUnavailable)
			}

			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			go func() { <-put; stop() }()
			_, err := store.Put(ctx, "dev/current", []byte("{}"), ledger.Absent)
			require.Error(t, err)
			if name == "silent" {
				require.ErrorIs(t, err, context.Canceled)
				assert.NotErrorIs(t, err, ledger.ErrUnavailable, "who gave up is not told to try again")
			}
		})
	}
}

// One call is one request: the ledger tries again, knowing when its lease ends.
func TestACallIsOneRequest(t *testing.T) {
	requests := 0
	client := exchange(func(*http.Request) (*http.Response, error) {
		requests++
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	})
	cfg := configured(client)
	cfg.RetryMaxAttempts = 10
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	store, err := ledger.NewS3FromConfig(cfg, ledger.S3Options{Bucket: "growl-states"})
	require.NoError(t, err)
	calls(t.Context(), store)
	assert.Equal(t, 3, requests)
}
