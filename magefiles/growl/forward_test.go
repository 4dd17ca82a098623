package growl_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/rollout"
)

// git runs git in the checkout.
func (s *stack) git(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", s.root, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// commit makes a commit in the checkout, and an image of it in the registry.
func (s *stack) commit(message string) string {
	s.t.Helper()
	s.git("commit", "--quiet", "--allow-empty", "--message", message)
	sha := s.git("rev-parse", "HEAD")
	s.publish(sha, sha)
	return sha
}

// publish pushes release v1 again as the image of another commit, under a tag.
func (s *stack) publish(commit, tag string) (digest string) {
	s.t.Helper()
	images, err := ecr.NewFromConfig(s.aws(s.t), s.fleet.Repository, ecr.Options{Region: s.fleet.RegistryRegion})
	require.NoError(s.t, err)
	login, err := images.Credentials(s.t.Context())
	require.NoError(s.t, err)
	as := remote.WithAuth(&authn.Basic{Username: login.Username, Password: login.Password})
	from, err := name.ParseReference(s.fleet.Repository+":"+s.vars["V1"], name.Insecure)
	require.NoError(s.t, err)
	v1, err := remote.Image(from, as)
	require.NoError(s.t, err)
	described, err := v1.ConfigFile()
	require.NoError(s.t, err)
	config := *described.Config.DeepCopy()
	at := slices.IndexFunc(config.Env, func(line string) bool { return strings.HasPrefix(line, "GIT_COMMIT=") })
	require.GreaterOrEqual(s.t, at, 0)
	config.Env[at] = "GIT_COMMIT=" + commit
	changed, err := mutate.Config(v1, config)
	require.NoError(s.t, err)
	to, err := name.ParseReference(s.fleet.Repository+":"+tag, name.Insecure)
	require.NoError(s.t, err)
	require.NoError(s.t, remote.Write(to, changed, as))
	hash, err := changed.Digest()
	require.NoError(s.t, err)
	return hash.String()
}

// runsCommit checks that every instance runs a commit.
func (s *stack) runsCommit(commit string) {
	s.t.Helper()
	for id, found := range s.inspect(s.t) {
		assert.Equal(s.t, commit, found.commit, id)
	}
}

// heldLease passes requests on to the ledger's bucket. From the first write of a lease on it keeps all that concern the
// lease, until it is released.
type heldLease struct {
	*httptest.Server
	reached, release chan struct{}
}

func holdLease(t *testing.T, p place) *heldLease {
	t.Helper()
	target, err := url.Parse(p.vars["AWS_ENDPOINT_URL"])
	require.NoError(t, err)
	store := httputil.NewSingleHostReverseProxy(target)
	h := &heldLease{reached: make(chan struct{}), release: make(chan struct{})}
	reach := sync.OnceFunc(func() { close(h.reached) })
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/current") {
			if r.Method == http.MethodPut {
				reach()
			}
			select {
			case <-h.reached:
				<-h.release
			default:
			}
			if r.Context().Err() != nil {
				panic(http.ErrAbortHandler) // its caller gave up while it was held
			}
		}
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

// TestOnlyForward deploys commits of a real git repository in several orders.
func TestOnlyForward(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStack(t, "-instances=1")
	s.git("init", "--quiet")
	a, b, c := s.commit("a"), s.commit("b"), s.commit("c")
	s.git("checkout", "--quiet", "-b", "other", a)
	beside := s.commit("beside")
	s.publish(strings.Repeat("0", 40), "handmade")
	forward := func(tag string) []string { return append(s.deploy(tag), "-allowDowntime", "-onlyForward") }

	output := s.ok(forward(c)...)
	assert.Contains(t, output, "is not comparable with "+s.vars["V1"]+", which runs on growl-backend-1 (", "no commit of this repository ran")
	s.runsCommit(c)

	file := s.path("report.json")
	output = s.ok(append(forward(b), "-report="+file)...)
	assert.Contains(t, output, "commit "+b+" is older than "+c+", which runs on growl-backend-1 (")
	assert.Contains(t, output, "skipped: "+b[:12])
	assertOutcome(t, file, rollout.Skipped)
	s.runsCommit(c)
	assert.Contains(t, s.ok(append(forward(b), "-dryRun")...), "skipped: -onlyForward: commit "+b+" is older than "+c)
	assert.Contains(t, s.ok(append(forward(c), "-dryRun")...), "plan for dev: ")
	assert.Contains(t, s.refuses(nil, forward("handmade")...), "has no tag that is one commit's full SHA: leave -onlyForward out")

	s.ok(append(s.deploy(a), "-allowDowntime")...) // by hand, backwards, as ever
	s.runsCommit(a)

	// Two jobs: the newer commit's takes the environment while the older one's waits for its lease.
	held := holdLease(t, s.place)
	older := s.startIn(s.root, []string{"AWS_ENDPOINT_URL_S3=" + held.URL}, forward(b)...)
	<-held.reached
	s.ok(forward(c)...)
	close(held.release)
	require.Zero(t, older.end(t), "%s", older.text())
	assert.Contains(t, older.text(), "skipped: "+b[:12])
	s.runsCommit(c)

	output = s.ok(forward(beside)...)
	assert.Contains(t, output, "is on another branch than "+c)
	s.runsCommit(beside)
}

// TestOnlyForwardNeedsHistory uses a shallow checkout, in which an older commit cannot be distinguished from a missing
// one.
func TestOnlyForwardNeedsHistory(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStack(t, "-instances=1")
	s.git("init", "--quiet")
	s.commit("a")
	b := s.commit("b")
	whole := s.root
	s.root = t.TempDir()
	s.git("clone", "--quiet", "--depth=1", "file://"+whole, ".")
	assert.Contains(t, s.refuses(nil, append(s.deploy(b), "-onlyForward", "-allowDowntime")...), "fetch-depth: 0")
	s.runsCommit(s.vars["V1"])
	status, err := s.ledger(t).Current(t.Context())
	require.NoError(t, err)
	assert.Nil(t, status.Lease)
}
