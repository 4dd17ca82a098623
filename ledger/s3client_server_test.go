package ledger_test

import (
	"context"
	"crypto/md5" // what an ETag is
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
)

// configured is a configuration with nothing of this machine in it.
func configured(client aws.HTTPClient) aws.Config {
	return aws.Config{
		Region: "us-west-1", HTTPClient: client, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "session"),
	}
}

// direct is a client that goes to one server for every host, past any proxy.
func direct(t *testing.T, server *httptest.Server) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}}
	if server.TLS != nil {
		transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		transport.TLSClientConfig.ServerName = "example.com" // whom its certificate is for
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// answering is a store before a server of one bucket that answers as it is told.
func answering(t *testing.T, change func(*aws.Config), answer http.HandlerFunc) *ledger.S3 {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	cfg := configured(direct(t, server))
	cfg.BaseEndpoint = &server.URL
	if change != nil {
		change(&cfg)
	}
	store, err := ledger.NewS3FromConfig(cfg, ledger.S3Options{Bucket: "growl-states"})
	require.NoError(t, err)
	return store
}

// bucketServer is S3 with one bucket, in pages of two, which holds requests to
// their signatures.
type bucketServer struct {
	bucket string
	config aws.Config

	mu      sync.Mutex
	data    map[string][]byte
	refused []error
}

// servers are one bucket in a path, one below an endpoint's own path, and two at
// AWS: one that is a host name and one that is none.
func servers(t *testing.T) map[string]*bucketServer {
	return map[string]*bucketServer{
		"path":           newBucketServer(t, "growl-states", httptest.NewServer, "", "/growl-states"),
		"path in a path": newBucketServer(t, "growl-states", httptest.NewServer, "/s3", "/s3/growl-states"),
		"host":           newBucketServer(t, "growl-states", httptest.NewTLSServer, "", "growl-states.s3.us-west-1.amazonaws.com"),
		"dots":           newBucketServer(t, "growl.states", httptest.NewTLSServer, "", "s3.us-west-1.amazonaws.com/growl.states"),
	}
}

func newBucketServer(t *testing.T, bucket string, start func(http.Handler) *httptest.Server, path, root string) *bucketServer {
	b := &bucketServer{bucket: bucket, data: map[string][]byte{}}
	server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, below := strings.CutPrefix(r.URL.Path, root)
		if !strings.HasPrefix(root, "/") {
			key, below = strings.CutPrefix(r.Host+r.URL.Path, root)
		}
		if !below {
			http.Error(w, "not this bucket", http.StatusTeapot)
			return
		}
		b.serve(w, r, strings.TrimPrefix(key, "/"))
	}))
	t.Cleanup(server.Close)
	b.config = configured(direct(t, server))
	if strings.HasPrefix(root, "/") {
		b.config.BaseEndpoint = aws.String("http://s3.example.net:9000" + path)
	}
	return b
}

func (b *bucketServer) store(t *testing.T) *ledger.S3 {
	t.Helper()
	store, err := ledger.NewS3FromConfig(b.config, ledger.S3Options{Bucket: b.bucket, Prefix: "deploy"})
	require.NoError(t, err)
	return store
}

func (b *bucketServer) objects() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.data)
}

func (b *bucketServer) unsigned() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

func (b *bucketServer) serve(w http.ResponseWriter, r *http.Request, key string) {
	body, _ := io.ReadAll(r.Body) // what is cut off has no signature
	b.mu.Lock()
	defer b.mu.Unlock()
	data, exists := b.data[key]
	etag := func() string { return fmt.Sprintf(`"%x"`, md5.Sum(b.data[key])) }
	err := checkSigned(r, body)
	switch {
	case err != nil:
		b.refused = append(b.refused, err)
		refuse(w, http.StatusForbidden, "SignatureDoesNotMatch")
	case key == "":
		b.list(w, r)
	case r.Method == http.MethodPut && (r.Header.Get("If-None-Match") == "*" && exists || r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != etag()):
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPut:
		b.data[key] = body
		w.Header().Set("ETag", etag())
	case !exists:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	default:
		w.Header().Set("ETag", etag())
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write(data)
	}
}

// list answers a page; the token is the last key of the one before.
func (b *bucketServer) list(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		Key          string
		LastModified time.Time
	}
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []entry
	}
	query := r.URL.Query()
	for _, key := range slices.Sorted(maps.Keys(b.data)) {
		switch after := query.Get("continuation-token"); {
		case !strings.HasPrefix(key, query.Get("prefix")) || key <= after:
		case len(page.Contents) == 2:
			page.IsTruncated, page.NextContinuationToken = true, page.Contents[1].Key
		default:
			page.Contents = append(page.Contents, entry{key, time.Now()})
		}
	}
	_ = xml.NewEncoder(w).Encode(page) // to a client that is gone
}

// refuse answers S3's error document.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Amz-Request-Id", "0A1B2C")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>in words</Message><RequestId>0A1B2C</RequestId></Error>", code)
}

// exchange captures a request as it goes out.
type exchange func(*http.Request) (*http.Response, error)

func (f exchange) Do(r *http.Request) (*http.Response, error) { return f(r) }

// checkSigned wants a request to be signed for the bucket's region, and an object to arrive as it was sent.
func checkSigned(r *http.Request, body []byte) error {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/") || !strings.Contains(r.Header.Get("Authorization"), "/us-west-1/s3/aws4_request") {
		return fmt.Errorf("it is not signed for the region: %s", r.Header.Get("Authorization"))
	}
	if r.Header.Get("X-Amz-Security-Token") != "session" {
		return errors.New("no session token")
	}
	sum := sha256.Sum256(body)
	if r.Method == http.MethodPut && r.Header.Get("X-Amz-Checksum-Sha256") != base64.StdEncoding.EncodeToString(sum[:]) {
		return errors.New("the object did not arrive as it was sent")
	}
	return nil
}
