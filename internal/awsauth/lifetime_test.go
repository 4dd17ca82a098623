package awsauth

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLifetime(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_SESSION_TOKEN": "token", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CREDENTIAL_EXPIRATION": time.Now().Add(time.Hour).Format(time.RFC3339),
	} {
		t.Setenv(name, value)
	}
	loaded, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	assert.InDelta(t, time.Hour, Lifetime(t.Context(), loaded.Credentials)(), float64(10*time.Minute))
	other := credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "example", "")
	assert.Zero(t, Lifetime(t.Context(), other)(), "the variable is of other credentials")
	assert.Zero(t, Lifetime(t.Context(), nil)())
	t.Setenv("AWS_CREDENTIAL_EXPIRATION", "2026-01-02T05:04:05+02:00")
	assert.Negative(t, Lifetime(t.Context(), loaded.Credentials)())
	for _, unknown := range []string{"", "soon"} {
		t.Setenv("AWS_CREDENTIAL_EXPIRATION", unknown)
		assert.Zero(t, Lifetime(t.Context(), loaded.Credentials)())
	}
}
