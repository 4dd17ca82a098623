package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
)

func TestParseLocation(t *testing.T) {
	o, err := ledger.ParseLocation("s3://orders-state/ledger/v1/?region=eu-central-1")
	require.NoError(t, err)
	assert.Equal(t, ledger.S3Options{Bucket: "orders-state", Prefix: "ledger/v1", Region: "eu-central-1"}, o)
	for _, text := range []string{
		"", "/tmp", "s3://", "s3://bucket", "s3://bucket/ledger", "s3://bucket/?region=eu-central-1", "s3:///ledger?region=eu-central-1",
		"S3://bucket/ledger?region=eu-central-1", "s3://bucket/ledger?region=", "s3://bucket/ledger?region=Europe", "s3://bucket/ledger?regoin=eu-central-1",
		"s3://bucket/ledger?region=eu-central-1&x=1", "s3://bucket/ledger?region=eu-central-1&region=us-west-1", "s3://bucket/a//b?region=eu-central-1",
		"s3://Bucket/ledger?region=eu-central-1", "s3://bucket/le dger?region=eu-central-1", "s3://bucket/ledger?region=%zz", "https://bucket/ledger?region=eu-central-1",
	} {
		_, err := ledger.ParseLocation(text)
		assert.ErrorContains(t, err, "want s3://BUCKET/PREFIX?region=REGION", text)
	}
}

func FuzzParseLocation(f *testing.F) {
	f.Add("s3://orders-state/ledger?region=eu-central-1")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ledger.ParseLocation(text)
		if err != nil {
			return
		}
		again, err := ledger.ParseLocation("s3://" + o.Bucket + "/" + o.Prefix + "?region=" + o.Region)
		require.NoError(t, err)
		assert.Equal(t, o, again)
	})
}
