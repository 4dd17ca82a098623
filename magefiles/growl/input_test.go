package growl_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/magefiles/targets"
)

// TestBadInputMakesNoRequest checks that an invalid request fails before any call to AWS or an instance, with one line.
func TestBadInputMakesNoRequest(t *testing.T) {
	w := watchedWorld(t)
	good := w.request(t)
	tests := []struct {
		name  string
		spoil func(*request)
		code  int
		want  string
	}{
		{"an environment", func(s *request) { s.Environment = "staging" }, 2, `unknown environment "staging": want one of dev, prod`},
		{"no environment", func(s *request) { s.Environment = "" }, 2, `unknown environment ""`},
		{"a batch of none", func(s *request) { s.Policy = "batch=0" }, 2, "batch=0 must be at least 1"},
		{"a policy's key", func(s *request) { s.Policy = "bacth=2" }, 2, `unknown key "bacth": want one of `},
		{"a policy's value", func(s *request) { s.Policy = "drain.min=soon" }, 2, "drain.min"},
		{"two foolish times", func(s *request) { s.Policy = "drain.min=-1s health=0s" }, 2, "drain.min=-1s is negative; health=0s must be positive"},
		{"times that contradict each other", func(s *request) { s.Policy = "drain.min=10m" }, 2, "drain.max=5m0s is shorter than drain.min=10m0s"},
		{"a probe's scheme", func(s *request) { s.Probe = "ftp://growl/" }, 2, `probe URL "ftp://growl/": want http://host:port/path`},
		{"a probe's host", func(s *request) { s.Probe = "http:///" }, 2, `names no host`},
		{"a probe's password", func(s *request) { s.Probe = "http://ann:secret@growl/" }, 2, "probe URL holds a user"},
		{"a report's folder", func(s *request) { s.Report = "/nonesuch/report.json" }, 2, "write the report to /nonesuch/report.json: its folder does not exist"},
		{"a fleet's file", func(s *request) { s.Fleet += ".none" }, 1, ".none does not exist"},
		{"another environment's fleet", func(s *request) { s.Environment, s.Tag = "prod", strings.Repeat("0", 40) }, 1, `it describes "dev", not "prod"`},
		{"no fleet", func(s *request) { s.Fleet = w.file(t, "empty.json", "{}") }, 1, "instances"},
		{"a cut off fleet", func(s *request) { s.Fleet = w.file(t, "cut.json", w.fleet[:60]) }, 1, "cut.json: unexpected EOF"},
		{"a repository", func(s *request) { s.Fleet = w.fleetWith(t, w.repository, "Growl Backend") }, 1, `parse repository "Growl Backend": invalid reference format: want HOST/REPOSITORY`},
		{"a repository with a tag", func(s *request) { s.Fleet = w.fleetWith(t, w.repository, w.repository+":v1") }, 1, "it has a tag or digest"},
		{"a target group", func(s *request) { s.Fleet = w.fleetWith(t, targetGroup, "growl") }, 1, `parse target group ARN "growl"`},
		{"another port", func(s *request) { s.Fleet = w.fleetWith(t, `"environment"`, `"service_port":9090,"environment"`) }, 1, "dev is made for a service at port 9090 (service_port of its Terraform variables or of its fleet file), and the container publishes port 8080 (HostPort of the service's Container)"},
		{"a tag", func(s *request) { s.Tag = "../v1" }, 1, `tag "../v1": invalid tag format: want at most 128 letters`},
		{"a digest that is a tag", func(s *request) { s.Digest = "v1" }, 2, "-digest=v1: want sha256:<64 hex digits>"},
		{"a digest for a tag", func(s *request) { s.Tag = "v1@sha256:00" }, 1, "invalid tag format"},
		{"an empty tag", func(s *request) { s.Tag = "" }, 1, "invalid tag format"},
		{"a long tag", func(s *request) { s.Tag = strings.Repeat("a", 129) }, 1, "invalid tag format"},
		{"a key that is not there", func(s *request) { s.Key += ".none" }, 1, ".none: private key unusable: "},
		{"an open key", func(s *request) { s.Key = w.openKey(t) }, 1, "permissions 0644 are too open: chmod 600 "},
		{"a key that is none", func(s *request) { s.Key = w.file(t, "text", "a key") }, 1, "give the private key itself, in OpenSSH or PEM form"},
		{"a folder for a key", func(s *request) { s.Key = t.TempDir() }, 1, "it is not a regular file"},
		{"known hosts that are not there", func(s *request) { s.KnownHosts += ".none" }, 1, "ssh-keyscan writes such a file"},
		{"a jump host", func(s *request) { s.Jump = "ann@bastion:ssh" }, 2, `parse jump host "ann@bastion:ssh"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := good
			test.spoil(&s)
			err := s.roll(t)
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "\n", "more than one line")
			assert.Equal(t, test.code, mg.ExitStatus(err), "exit code")
			assert.Zero(t, w.asked.Load(), "a request was made")
		})
	}
	require.Error(t, good.roll(t))
	assert.NotZero(t, w.asked.Load(), "the watch does not see requests")
}

const targetGroup = "arn:aws:elasticloadbalancing:us-west-1:000000000000:targetgroup/growl/0123456789abcdef"

// watched is an environment that denies everything and counts the requests.
type watched struct {
	dir, fleet, repository string
	asked                  atomic.Int32
}

func watchedWorld(t *testing.T) *watched {
	t.Helper()
	w := &watched{dir: t.TempDir(), repository: "registry.example/growl-backend"}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		w.asked.Add(1)
		answer.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	w.fleet = `{"environment":"dev","region":"us-west-1","registry_region":"us-west-1","repository":"` + w.repository +
		`","target_groups":["` + targetGroup + `"],"instances":[{"id":"i-0a","name":"a","zone":"us-west-1a","address":"` + w.listen(t) + `"}]}`
	return w
}

// listen is an instance that counts who connects.
func (w *watched) listen(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			w.asked.Add(1)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// request holds the flags and variables of a deploy.
type request struct {
	Environment, Tag, Fleet, Policy, Probe, Report, Digest string
	Key, KnownHosts, Jump                                  string
}

func (r request) roll(t *testing.T) error {
	t.Helper()
	t.Setenv("SSH_KNOWN_HOSTS", r.KnownHosts)
	t.Setenv("SSH_JUMP", r.Jump)
	return targets.Roll(t.Context(), growl.Service(), r.Environment, targets.Flags{
		Tag: &r.Tag, SSHKey: &r.Key, Fleet: &r.Fleet, Policy: &r.Policy, Probe: &r.Probe, Report: &r.Report, Digest: &r.Digest,
	})
}

// request is one with nothing wrong in it.
func (w *watched) request(t *testing.T) request {
	t.Helper()
	return request{
		Environment: "dev", Tag: "v1", Fleet: w.file(t, "fleet.json", w.fleet),
		Key: w.key(t, 0o600), KnownHosts: w.file(t, "known_hosts", ""),
	}
}

func (w *watched) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (w *watched) fleetWith(t *testing.T, old, fresh string) string {
	t.Helper()
	return w.file(t, "spoilt.json", strings.Replace(w.fleet, old, fresh, 1))
}

func (w *watched) openKey(t *testing.T) string { return w.key(t, 0o644) }

// key is a good SSH key in a file with that mode.
func (w *watched) key(t *testing.T, mode os.FileMode) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := gossh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	path := w.file(t, "key-"+mode.String(), string(pem.EncodeToMemory(block)))
	require.NoError(t, os.Chmod(path, mode))
	return path
}
