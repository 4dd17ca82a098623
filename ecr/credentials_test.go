package ecr

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCredentialsAreFetchedOnceForAll(t *testing.T) {
	f, r := newFake(t)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			c, err := r.Credentials(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, "AWS", c.Username)
			assert.Equal(t, "token-1", c.Password)
			assert.Equal(t, "https://123456789012.dkr.ecr.us-west-1.amazonaws.com", c.Endpoint)
		})
	}
	all.Wait()
	assert.Len(t, f.called("GetAuthorizationToken"), 1)
}

// issuer issues a login that lives for a while of the bubble's time.
type issuer struct {
	api
	life   time.Duration
	issued int
	hold   chan struct{}
}

func (i *issuer) GetAuthorizationToken(ctx context.Context, _ *ecr.GetAuthorizationTokenInput, _ ...func(*ecr.Options)) (*ecr.GetAuthorizationTokenOutput, error) {
	if i.hold != nil {
		<-i.hold
	}
	i.issued++
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: []types.AuthorizationData{{
		AuthorizationToken: aws.String(base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "AWS:%d", i.issued))),
		ExpiresAt:          aws.Time(time.Now().Add(i.life)),
	}}}, nil
}

func TestCredentialsAreRenewedBeforeTheyExpire(t *testing.T) {
	tests := map[string]struct{ life, kept, renewed time.Duration }{
		"ECR's 12 h":           {12 * time.Hour, 12*time.Hour - margin - time.Second, 2 * time.Second},
		"shorter than margin":  {4 * time.Minute, 3*time.Minute - time.Second, 2 * time.Second},
		"expired when it came": {-time.Second, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{life: test.life}
				r, err := open(i, repositoryURI, "")
				require.NoError(t, err)
				password := func() string {
					c, err := r.Credentials(t.Context())
					require.NoError(t, err)
					return c.Password
				}
				require.Equal(t, "1", password())
				time.Sleep(test.kept)
				if test.kept > 0 {
					require.Equal(t, "1", password())
				}
				time.Sleep(test.renewed)
				require.Equal(t, "2", password())
			})
		})
	}
}

func TestAWaiterForCredentialsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour, hold: make(chan struct{})}
		r, err := open(i, repositoryURI, "")
		require.NoError(t, err)
		go func() { _, _ = r.Credentials(context.Background()) }()
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = r.Credentials(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(i.hold)
	})
}

func TestNothingShowsThePassword(t *testing.T) {
	c := Credentials{Username: "AWS", Password: "hunter2", Expires: monday, Endpoint: "https://registry"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("login", "credentials", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("login", "credentials", c)
	marshalled, err := json.Marshal(c)
	require.NoError(t, err)
	for _, shown := range []string{
		fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%x", c), fmt.Sprintf("%v", &c), fmt.Sprintf("%+v", []Credentials{c}),
		c.String(), c.GoString(), log.String(), string(marshalled),
	} {
		assert.NotContains(t, shown, "hunter2")
		assert.NotContains(t, shown, "68756e74657232")
		assert.Contains(t, shown, "AWS")
	}
}

func TestAMalformedTokenIsNotQuoted(t *testing.T) {
	for _, token := range []string{"hunter2 is no base64", base64.StdEncoding.EncodeToString([]byte("hunter2")), base64.StdEncoding.EncodeToString([]byte(":hunter2"))} {
		f, r := newFake(t)
		f.set(func() { f.token = token })
		_, err := r.Credentials(t.Context())
		require.ErrorContains(t, err, "log in to the registry of growl-backend in us-west-1: ")
		assert.NotContains(t, err.Error(), "hunter2")
		assert.NotContains(t, err.Error(), token)
	}
}
