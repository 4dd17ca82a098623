package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// factor divides the load balancer's lags, and the policy's times.
const factor = 10

// fleet is an environment: three hosts in service behind the sandbox's far ends.
type fleet struct {
	number int // its network's
	shop   *workshop
	env    *sandbox.Environment
	hosts  []*host
	dir    string // the checkout that targets run in
	policy string
	vars   []string
}

// newFleet brings a fleet up in which every host runs a release called v1, put
// there as the old Makefile did.
func newFleet(t testing.TB, shop *workshop, number int) *fleet {
	t.Helper()
	began := time.Now()
	f := &fleet{number: number, shop: shop, dir: ".."}
	f.boot(t)
	machines := make([]sandbox.Machine, len(f.hosts))
	for i, h := range f.hosts {
		machines[i] = h.machine()
	}
	var err error
	f.env, err = sandbox.Around(t.Context(), "root", machines, sandbox.Options{
		Service: sandbox.Service{Name: "growl-backend", HostPort: 8080},
		Zones:   []string{"us-west-1a", "us-west-1c"}, Bucket: "growl-tf-state",
		Host: gateway, Factor: factor, Logf: t.Logf,
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.env.Close()) })
	f.policy = f.env.Policy()
	f.vars = append(f.env.Env(), "SSH_KEY="+shop.key, "SSH_KNOWN_HOSTS="+f.knownHosts(t), "NO_COLOR=1")
	f.publish(t, "v1")
	f.each(func(h *host) { f.runByHand(t, h, "v1") })
	for _, h := range f.hosts {
		require.NoError(t, f.env.PutInService(h.ID))
	}
	t.Logf("three hosts serve v1 after %s", time.Since(began).Round(time.Millisecond))
	return f
}

// boot starts all hosts at once.
func (f *fleet) boot(t testing.TB) {
	t.Helper()
	for n, zone := range []string{"us-west-1a", "us-west-1c", "us-west-1a"} {
		f.hosts = append(f.hosts, f.addHost(t, n+1, zone))
	}
	for _, h := range f.hosts {
		h.awaitUp(t)
	}
}

// addHost starts one more host, outside of the load balancer.
func (f *fleet) addHost(t testing.TB, n int, zone string) *host {
	t.Helper()
	return startHost(t, rollout.Instance{
		ID: fmt.Sprintf("i-0e2e%012d", f.number*10+n), Name: fmt.Sprintf("growl-backend-%d", n),
		Zone: zone, Address: fmt.Sprintf("10.77.%d.%d", f.number, 10+n),
	}, f.shop.public)
}

// each does something on all hosts at once.
func (f *fleet) each(do func(*host)) {
	var all sync.WaitGroup
	for _, h := range f.hosts {
		all.Go(func() { do(h) })
	}
	all.Wait()
}

// loginKey makes the deployer's key.
func loginKey(t testing.TB) (public, private string) {
	t.Helper()
	private = filepath.Join(t.TempDir(), "id_ed25519")
	made, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-C", "deployer", "-N", "", "-f", private).CombinedOutput()
	require.NoError(t, err, "%s", made)
	text, err := os.ReadFile(private + ".pub")
	require.NoError(t, err)
	return strings.TrimSpace(string(text)), private
}

// knownHosts is what ssh-keygen made on each host, beside its address.
func (f *fleet) knownHosts(t testing.TB) string {
	t.Helper()
	var lines strings.Builder
	for _, h := range f.hosts {
		text, err := os.ReadFile(h.path("/etc/ssh/ssh_host_ed25519_key.pub"))
		require.NoError(t, err)
		fmt.Fprintln(&lines, h.address, strings.TrimSpace(string(text)))
	}
	return file(t, "known_hosts", lines.String())
}

// runByHand starts a release as the old Makefile did, under no name or label of ours.
func (f *fleet) runByHand(t testing.TB, h *host, release string) {
	ref := f.env.Fleet.Repository + ":" + f.shop.source.commits[release]
	config := t.TempDir()
	token := exec.CommandContext(t.Context(), "docker", "pull", "-q", ref)
	login := exec.CommandContext(t.Context(), "docker", "login", "-u", "AWS", "--password-stdin", strings.Split(ref, "/")[0])
	login.Stdin = strings.NewReader(f.registryToken(t))
	run := exec.CommandContext(t.Context(), "docker", "run", "-d", "--name", "backend", "--restart", "always",
		"-p", "8080:8080", "-v", "/tmp/deployment-test:/tmp/deployment-test", ref)
	for _, c := range []*exec.Cmd{login, token, run} {
		c.Env = append(os.Environ(), "DOCKER_HOST="+h.socket(), "DOCKER_CONFIG="+config)
		out, err := c.CombinedOutput()
		if !assert.NoError(t, err, "%v: %s", c.Args, out) {
			return
		}
	}
	h.awaitService(t)
}

func (h *host) awaitService(t testing.TB) {
	t.Helper()
	assert.Eventually(t, func() bool {
		answer, err := http.Get("http://" + h.address + ":8080/healthz")
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil && answer.StatusCode == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond, "%s does not serve", h.Name)
}
