package deploy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheServicesKnownHostsAreTheDefault: an empty list of files, as SSH_KNOWN_HOSTS is read where it is not set, trusts
// the service's files.
func TestTheServicesKnownHostsAreTheDefault(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 1)
	service := orders()
	service.KnownHosts, p.options.SSH.KnownHosts = p.options.SSH.KnownHosts, []string{}
	status, err := p.open(t, service).Status(t.Context())
	require.NoError(t, err)
	require.Len(t, status.Instances, 1)
	assert.NoError(t, status.Instances[0].Err)
}

// TestAProxyCommandReplacesAJumpHost: a connection takes one of them.
func TestAProxyCommandReplacesAJumpHost(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 1)
	service := orders()
	e := service.Environments["staging"]
	e.Jump = "bastion.invalid"
	service.Environments["staging"] = e
	p.options.SSH.ProxyCommand = "echo no way through; exit 1"
	status, err := p.open(t, service).Status(t.Context())
	require.NoError(t, err)
	require.Error(t, status.Instances[0].Err)
	assert.NotContains(t, status.Instances[0].Err.Error(), "both a proxy command and jump hosts are given")
}
