package infra_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// buckets is an S3 endpoint for Terraform's backend. It records the keys of objects that were requested, and can refuse
// every key that has another prefix, as a role's policy does.
type buckets struct {
	*httptest.Server
	mu      sync.Mutex
	objects map[string]string // by BUCKET/KEY
	asked   []string
	allowed string // prefix of BUCKET/KEY; empty: all
}

// newBuckets starts the endpoint and sets this process's environment to it.
func newBuckets(t *testing.T) *buckets {
	b := &buckets{objects: map[string]string{}}
	b.Server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": b.URL, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	return b
}

// only refuses from now on every object whose BUCKET/KEY does not have this prefix, and clears the recorded requests.
func (b *buckets) only(prefix string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed, b.asked = prefix, nil
}

// keys returns the objects that were requested since the last call of only, each once.
func (b *buckets) keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(b.asked)
	return slices.Compact(b.asked)
}

func (b *buckets) object(path string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.objects[path]
}

func (b *buckets) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	if bucket, key, _ := strings.Cut(path, "/"); key == "" {
		b.list(w, bucket+"/"+r.URL.Query().Get("prefix"))
		return
	}
	b.asked = append(b.asked, path)
	content, found := b.objects[path]
	switch {
	case !strings.HasPrefix(path, b.allowed):
		b.fails(w, http.StatusForbidden, "AccessDenied")
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		b.objects[path] = string(body)
	case r.Method == http.MethodDelete:
		delete(b.objects, path)
		w.WriteHeader(http.StatusNoContent)
	case !found:
		b.fails(w, http.StatusNotFound, "NoSuchKey")
	default:
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = io.WriteString(w, content)
	}
}

func (b *buckets) list(w http.ResponseWriter, prefix string) {
	bucket, _, _ := strings.Cut(prefix, "/")
	fmt.Fprintf(w, "<ListBucketResult><Name>%s</Name><IsTruncated>false</IsTruncated>", bucket)
	for _, path := range slices.Sorted(maps.Keys(b.objects)) {
		if strings.HasPrefix(path, prefix) {
			fmt.Fprintf(w, "<Contents><Key>%s</Key></Contents>", strings.TrimPrefix(path, bucket+"/"))
		}
	}
	fmt.Fprint(w, "</ListBucketResult>")
}

func (b *buckets) fails(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>refused</Message></Error>", code)
}
