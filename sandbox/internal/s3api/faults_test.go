package s3api_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/s3api"
)

func TestFaultsThatAreAnswered(t *testing.T) {
	for want, row := range map[string]struct {
		faults s3api.Faults
		status int
	}{
		"SlowDown":                   {s3api.Faults{Throttle: 1}, http.StatusServiceUnavailable},
		"ConditionalRequestConflict": {s3api.Faults{Conflict: 1}, http.StatusConflict},
		"AccessDenied":               {s3api.Faults{ReadOnly: true}, http.StatusForbidden},
	} {
		t.Run(want, func(t *testing.T) {
			c := newCloud(t)
			_, err := c.put(t, "x", "before")
			require.NoError(t, err)
			c.SetFaults(row.faults)
			_, err = c.put(t, "x", "after")
			assert.Equal(t, want, code(t, err))
			var answer *awshttp.ResponseError
			require.ErrorAs(t, err, &answer)
			assert.Equal(t, row.status, answer.HTTPStatusCode())
			c.SetFaults(s3api.Faults{Throttle: 1, Actions: []string{"ListObjectsV2"}})
			assert.Equal(t, "before", c.get(t, "x"), "not applied; another action is left alone")
		})
	}
}

func TestFaultLostAnswer(t *testing.T) {
	c := newCloud(t)
	c.SetFaults(s3api.Faults{Lost: 1, Actions: []string{"PutObject"}})
	_, err := c.put(t, "x", "applied")
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, "applied", c.get(t, "x"))
}

func TestFaultLateWrite(t *testing.T) {
	c := newCloud(t)
	c.SetFaults(s3api.Faults{Late: 3 * time.Second})
	_, err := c.put(t, "x", "late", ifNone)
	require.ErrorIs(t, err, io.EOF)
	_, err = c.s3.GetObject(impatient(t), &s3.GetObjectInput{Bucket: aws.String(states), Key: aws.String("x")})
	assert.Equal(t, "NoSuchKey", code(t, err), "not yet")
	c.Wait()
	assert.Equal(t, "late", c.get(t, "x"))
}

func TestFaultClock(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		c := newCloud(t)
		c.SetFaults(s3api.Faults{Clock: off})
		_, err := c.put(t, "x", "x")
		assert.Equal(t, "RequestTimeTooSkewed", code(t, err), "signed by this machine's clock")
		_, err = c.put(t, "x", "x")
		require.NoError(t, err, "the SDK has seen the endpoint's clock")
		head, err := c.s3.HeadObject(impatient(t), &s3.HeadObjectInput{Bucket: aws.String(states), Key: aws.String("x")})
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().Add(off), aws.ToTime(head.LastModified), time.Minute)
	}
}

func TestFaultsByShare(t *testing.T) {
	c := newCloud(t)
	c.SetFaults(s3api.Faults{Throttle: 0.5})
	throttled := 0
	for range 100 {
		_, err := c.put(t, "x", "x")
		var answer *awshttp.ResponseError
		if errors.As(err, &answer) {
			throttled++
		}
	}
	assert.InDelta(t, 50, throttled, 35)
	assert.Equal(t, 100, c.Calls()["PutObject"])
}
