package ecr

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheRegionIsTheRegistrys(t *testing.T) {
	tests := map[string]struct{ repository, region, registry string }{
		"ECR":            {repositoryURI, "us-west-1", "123456789012"},
		"FIPS":           {"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a/b", "us-gov-west-1", "123456789012"},
		"dual stack":     {"123456789012.dkr-ecr.eu-central-1.on.aws/a", "eu-central-1", "123456789012"},
		"China":          {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a", "cn-north-1", "123456789012"},
		"loopback":       {"127.0.0.1:5000/growl-backend", "us-west-2", ""},
		"localhost":      {"localhost/growl-backend", "us-west-2", ""},
		"looks like ECR": {"123456789012.dkr.ecr.us-east-1.amazonaws.com.example.org/a", "us-west-2", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := NewFromConfig(aws.Config{Region: "us-west-2"}, test.repository, Options{})
			require.NoError(t, err)
			assert.Equal(t, test.region, r.Region())
			assert.Equal(t, test.registry, aws.ToString(r.registry()))
			assert.Equal(t, test.repository, r.URI())
		})
	}
	r, err := NewFromConfig(aws.Config{Region: "us-west-2"}, "127.0.0.1:5000/growl-backend", Options{Region: "us-west-1", MaxBackoff: time.Second})
	require.NoError(t, err)
	assert.Equal(t, "us-west-1", r.Region())

	_, err = NewFromConfig(aws.Config{}, "127.0.0.1:5000/growl-backend", Options{})
	require.ErrorContains(t, err, "set AWS_REGION")
}

func TestNewRefusesWhatIsNoRepository(t *testing.T) {
	for repository, want := range map[string]string{
		"":                            "repository name must have at least one component",
		"growl-backend":               "it has no host",
		"growl/backend":               "it has no host",
		repositoryURI + ":latest":     "it has a tag or digest",
		repositoryURI + "@" + unknown: "it has a tag or digest",
		"https://" + repositoryURI:    "invalid reference format",
		"127.0.0.1:5000/Growl":        "repository name must be lowercase",
		"127.0.0.1:5000/a b":          "invalid reference format",
		unknown:                       "it has a tag or digest",
		"127.0.0.1:5000/" + strings.Repeat("a", 300): "must not be more than 255 characters",
	} {
		_, err := open(nil, repository, "")
		if assert.Error(t, err, repository) {
			assert.NotContains(t, err.Error(), "\n")
			assert.Contains(t, err.Error(), "want HOST/REPOSITORY")
			assert.Contains(t, err.Error(), want)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{repositoryURI, "127.0.0.1:5000/a", "a", "", "a/b:c@d", "[::1]:5000/a", "localhost/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseURI(text)
		if err != nil {
			assert.NotContains(t, err.Error(), "\n")
			return
		}
		assert.Equal(t, text, u.named.Name())
		assert.NotEmpty(t, u.repository())
		assert.Equal(t, u.registry == "", u.region == "")
		if u.checkTag("latest") != nil {
			t.Fatalf("%q takes no tag", text)
		}
	})
}
