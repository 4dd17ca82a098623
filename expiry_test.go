package deploy_test

import (
	"testing"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// TestADeployOutlivesNoCredentials: those of the environment's variables expire before the forecast's end.
func TestADeployOutlivesNoCredentials(t *testing.T) {
	p := bringUp(t, "staging", 2)
	vars := variables(p.Env())
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, vars[name])
	}
	t.Setenv("AWS_CREDENTIAL_EXPIRATION", time.Now().Add(time.Second).Format(time.RFC3339))
	p.options.AWS = []func(*awsconfig.LoadOptions) error{
		awsconfig.WithBaseEndpoint(vars["AWS_ENDPOINT_URL"]), awsconfig.WithSharedConfigFiles(nil), awsconfig.WithSharedCredentialsFiles(nil),
	}
	result, err := p.open(t, orders()).Deploy(t.Context(), p.V2)
	require.ErrorContains(t, err, "the credentials expire in ")
	assert.Equal(t, rollout.Refused, result.Outcome)
	t.Setenv("AWS_CREDENTIAL_EXPIRATION", time.Now().Add(time.Hour).Format(time.RFC3339))
	_, err = p.open(t, orders()).Plan(t.Context(), p.V2)
	require.NoError(t, err)
}
