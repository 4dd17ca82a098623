package sandbox

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// served is a machine whose service answers with its own name.
func served(t *testing.T, id, zone string) Machine {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, id) }))
	t.Cleanup(service.Close)
	return Machine{
		Instance: rollout.Instance{ID: id, Zone: zone, Address: "127.0.0.1:22"},
		Dial: func(ctx context.Context, _ int, _ netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", service.Listener.Addr().String())
		},
	}
}

func TestAroundMachinesThatAreThere(t *testing.T) {
	one, two := served(t, "i-one", "us-east-1a"), served(t, "i-two", "us-east-1b")
	e, err := Around(t.Context(), "root", []Machine{one, two}, Options{Logf: t.Logf, Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })

	assert.Equal(t, []rollout.Instance{one.Instance, two.Instance}, e.Fleet.Instances)
	assert.Equal(t, "root", e.Fleet.User)
	assert.FileExists(t, e.FleetFile)
	env := variables(e)
	assert.Equal(t, e.FleetFile, env["FLEET"])
	for _, absent := range []string{"SSH_KEY", "SSH_KNOWN_HOSTS", "V1", "V2", "DOCKER_HOST"} {
		assert.NotContains(t, env, absent)
	}

	require.NoError(t, e.PutInService("i-two"))
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(e.URL)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, "i-two", string(body))
	require.ErrorContains(t, e.PutInService("i-none"), "register i-none")

	require.NoError(t, e.Fault("aws-throttle"))
	for _, f := range []string{"ssh-cut", "bad-image", "disk-full"} {
		assert.ErrorContains(t, e.Fault(f), "there are none")
	}
}

func TestAroundRefuses(t *testing.T) {
	_, err := Around(t.Context(), "root", nil, Options{})
	require.ErrorContains(t, err, "no machines are given")
	_, err = Around(t.Context(), "root", []Machine{served(t, "i-one", "eu-west-1a")}, Options{Dir: t.TempDir()})
	require.ErrorContains(t, err, "eu-west-1a")
	_, err = Around(t.Context(), "root", []Machine{served(t, "i-one", "us-east-1a")}, Options{Host: "localhost:1"})
	require.ErrorContains(t, err, `host "localhost:1" is not an IP address`)
}
