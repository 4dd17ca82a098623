// Package s3api is an HTTP endpoint that serves the part of Amazon S3 which a ledger of deploys, Terraform's backend and
// the aws command need: objects with conditional writes, lists, path and virtual-hosted addresses, and S3's own error
// documents. Objects are in memory. Faults can be set at run time.
//
// A request must have a known access key; its signature is not verified. The environment's own key is the account's
// administrator. The calls of a role's key are decided by the role's policies. Multipart uploads, versions and ACLs
// return NotImplemented.
package s3api

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/growl-dev/deploy/internal/iam"
)

// Options configure the endpoint.
type Options struct {
	// AccessKeyID is the administrator's key, with which every call is allowed. Empty: so is every other key.
	AccessKeyID string
	// Roles are further keys. Their calls are allowed if the policies of their role allow them. Nil: there are none.
	Roles *iam.Keys
	// Region is the region that requests must be signed for; empty: any.
	Region string
	// Buckets exist from the start.
	Buckets []string
}

// maxBody is the limit of an upload, 64 MiB.
const maxBody = 64 << 20

// Server is the endpoint. All methods may be called concurrently.
type Server struct {
	opts Options

	mu      sync.Mutex
	buckets map[string]bucket
	faults  Faults
	calls   map[string]int
	late    int        // the number of delayed writes
	applied *sync.Cond // signals that one of them was applied
}

// New returns an endpoint with empty buckets.
func New(o Options) *Server {
	s := &Server{opts: o, buckets: map[string]bucket{}, calls: map[string]int{}}
	s.applied = sync.NewCond(&s.mu)
	for _, name := range o.Buckets {
		s.buckets[name] = bucket{}
	}
	return s
}

// Actions returns the sorted names of the calls that are served.
func (s *Server) Actions() []string { return slices.Sorted(maps.Keys(actions)) }

// Calls returns the number of received calls of each action, including the refused ones.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// Wait waits until every write that a fault has delayed is applied.
func (s *Server) Wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.late > 0 {
		s.applied.Wait()
	}
}

// postpone applies a write after this time.
func (s *Server) postpone(after time.Duration, write func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late++
	time.AfterFunc(after, func() {
		write()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.late--
		s.applied.Broadcast()
	})
}

// now returns the time of the endpoint's clock.
func (s *Server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.faults.Clock)
}

// ServeHTTP serves one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	w.Header().Set("Server", "AmazonS3")
	w.Header().Set("X-Amz-Request-Id", requestID())
	c := identify(r)
	refusal := s.authorize(r)
	if refusal == nil {
		refusal = s.permit(c)
	}
	if refusal == nil {
		refusal = c.readBody(r)
	}
	strike := s.strike(c.action)
	switch {
	case refusal != nil:
		refusal.write(w, c)
	case strike.err != nil:
		strike.err.write(w, c)
	default:
		s.answer(w, c, strike)
	}
}

// answer executes a call and writes the response. A fault can delay the call or lose the response.
func (s *Server) answer(w http.ResponseWriter, c *call, strike strike) {
	act, known := actions[c.action]
	if !known {
		act = unknown
	}
	if strike.late > 0 {
		s.postpone(strike.late, func() { act(s, c) })
		panic(http.ErrAbortHandler)
	}
	reply := act(s, c)
	if strike.lost {
		// net/http closes the connection without a response.
		panic(http.ErrAbortHandler)
	}
	reply.write(w, c)
}

// call is a received request.
type call struct {
	action      string
	bucket, key string
	request     *http.Request
	body        []byte
	// caller is the role that makes the call; nil for the administrator.
	caller *iam.Role
}

// identify returns the call with its bucket, key and action.
func identify(r *http.Request) *call {
	c := &call{request: r}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if name, ok := virtualHost(r.Host); ok {
		c.bucket, c.key = name, path
	} else {
		c.bucket, c.key, _ = strings.Cut(path, "/")
	}
	c.action = c.name()
	return c
}

// virtualHost returns the bucket of a host such as bucket.s3.us-west-1.amazonaws.com or bucket.localhost, and false for
// any other host.
func virtualHost(host string) (string, bool) {
	host, _, _ = strings.Cut(host, ":")
	for _, base := range []string{".localhost", ".s3."} {
		if name, _, found := strings.Cut(host, base); found && name != "" {
			return name, true
		}
	}
	return "", false
}

// readBody reads the request's body, and decodes the SDK's chunks.
func (c *call) readBody(r *http.Request) *apiError {
	var body io.Reader = http.MaxBytesReader(nil, r.Body, maxBody)
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		body = &chunks{source: newLines(body), header: r.Header}
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return &apiError{code: "IncompleteBody", message: "You did not provide the number of bytes specified by the Content-Length HTTP header", status: http.StatusBadRequest}
	}
	c.body = data
	return checkDigests(r.Header, data)
}
