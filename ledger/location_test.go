package ledger_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
)

func TestParseLocation(t *testing.T) {
	for text, want := range map[string]ledger.S3Options{
		"s3://growl-tf-state/ledger?region=us-west-1":      {Bucket: "growl-tf-state", Prefix: "ledger", Region: "us-west-1"},
		"s3://orders.state/a/b_c?region=us-gov-east-1":     {Bucket: "orders.state", Prefix: "a/b_c", Region: "us-gov-east-1"},
		"s3://orders-state/ledger/v1/?region=eu-central-1": {Bucket: "orders-state", Prefix: "ledger/v1", Region: "eu-central-1"},
		"s3://orders-state/ledger/?region=ap-southeast-2":  {Bucket: "orders-state", Prefix: "ledger", Region: "ap-southeast-2"},
	} {
		o, err := ledger.ParseLocation(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, o)
	}
}

func TestALocationThatMakesNoSense(t *testing.T) {
	for text, want := range map[string]string{
		"":                                          "it is not in S3",
		"/tmp":                                      "it is not in S3",
		"https://states/p?region=us-west-1":         "it is not in S3",
		"S3://states/p?region=us-west-1":            "it is not in S3",
		"s3://states/p":                             "it names no region",
		"s3://states/p?":                            "it names no region",
		"s3://states/p?region=":                     `region ""`,
		"s3://states/p?region=US-West-1":            `region "US-West-1": want a name such as us-west-1`,
		"s3://states/p?region=a.example.com/":       `region "a.example.com/"`,
		"s3://states/p?region=us-west-1&region=x":   "it names 2 regions",
		"s3://states/p?region=us-west-1&x=1":        `the parameter "x" is not known`,
		"s3://states/p?Region=us-west-1":            `the parameter "Region" is not known`,
		"s3://states/p?region=us-west-1;x":          "semicolon",
		"s3://states/p?region=us-west-1#x":          `region "us-west-1#x"`,
		"s3://states?region=us-west-1":              "it has no prefix",
		"s3://states/?region=us-west-1":             "it has no prefix",
		"s3://States/p?region=us-west-1":            `bucket "States"`,
		"s3://states/p q?region=us-west-1":          `prefix "p q"`,
		"s3://states/p?region=%zz":                  "invalid URL escape",
		"s3:///p?region=us-west-1":                  `bucket ""`,
		"s3://states/../p?region=us-west-1":         `prefix ".."`,
		"s3://states/p//q?region=us-west-1":         `prefix ""`,
		"s3://states/p%2Fq?region=us-west-1":        `prefix "p%2Fq"`,
		"s3://key:secret@states/p?region=us-west-1": `bucket "key:secret@states"`,
	} {
		_, err := ledger.ParseLocation(text)
		require.ErrorContains(t, err, "want s3://BUCKET/PREFIX?region=REGION: ", text)
		require.ErrorContains(t, err, want, text)
		assert.NotContains(t, err.Error(), "\n")
	}
}

// Whatever is accepted opens a bucket, and is the same location when it is written again.
func FuzzParseLocation(f *testing.F) {
	f.Add("s3://growl-tf-state/ledger?region=us-west-1")
	f.Add("s3://states/a/b/?region=us%2Dwest-1")
	f.Add("s3://states/p?region=us-west-1&x")
	f.Add("s3://states\n/p?region=us-west-1")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ledger.ParseLocation(text)
		if err != nil {
			require.Equal(t, ledger.S3Options{}, o)
			return
		}
		require.NotContains(t, []string{o.Bucket, o.Prefix, o.Region}, "")
		again, err := ledger.ParseLocation("s3://" + o.Bucket + "/" + o.Prefix + "?region=" + o.Region)
		require.NoError(t, err)
		require.Equal(t, o, again)
		store, err := ledger.NewS3FromConfig(aws.Config{}, o)
		require.NoError(t, err)
		require.Equal(t, "s3://"+o.Bucket+"/"+o.Prefix, store.String())
	})
}
