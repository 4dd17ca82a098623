package ledger_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
)

func TestListsAreReadToTheEnd(t *testing.T) {
	server := newBucketServer(t, "growl-states", httptest.NewServer, "", "/growl-states")
	store := server.store(t)
	want := []string{}
	for i := range 7 {
		want = append(want, fmt.Sprintf("dev/history/run %d", i))
		_, err := store.Put(t.Context(), want[i], nil, ledger.Absent)
		require.NoError(t, err)
	}
	_, err := store.Put(t.Context(), "prod/current", nil, ledger.Absent)
	require.NoError(t, err)
	infos, err := store.List(t.Context(), "dev/")
	require.NoError(t, err)
	var keys []string
	for _, info := range infos {
		keys = append(keys, info.Key)
		assert.WithinDuration(t, time.Now(), info.Modified, time.Minute)
	}
	assert.Equal(t, want, keys)
}

// Half a list would be a history without its newest runs.
func TestListsThatGoNowhereAreNone(t *testing.T) {
	for name, token := range map[string]string{"no token": "", "the same": "<NextContinuationToken>x</NextContinuationToken>"} {
		t.Run(name, func(t *testing.T) {
			store := answering(t, nil, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, "<ListBucketResult><IsTruncated>true</IsTruncated>%s<Contents><Key>a</Key></Contents></ListBucketResult>", token)
			})
			_, err := store.List(t.Context(), "")
			require.ErrorContains(t, err, "does not name the next page")
		})
	}
}

// The bucket is a host name at AWS where it can be one, and in the path elsewhere. Objects arrive there as they were sent,
// under their keys, and every request is signed.
func TestABucketIsFoundAtEachKindOfAddress(t *testing.T) {
	for name, server := range servers(t) {
		t.Run(name, func(t *testing.T) {
			store := server.store(t)
			for n, key := range []string{"orders-api/live/current", "orders-api/live/history/20260101T000000Z-0a0a", "claims/a b+c.1"} {
				stamp, err := store.Put(t.Context(), key, []byte(key), ledger.Absent)
				require.NoError(t, err)
				_, err = store.Put(t.Context(), key, nil, ledger.Absent)
				require.ErrorIs(t, err, ledger.ErrConflict)
				object, err := store.Get(t.Context(), key)
				require.NoError(t, err)
				assert.Equal(t, key, string(object.Data))
				assert.Equal(t, stamp.Version, object.Version)
				assert.Equal(t, n+1, server.objects())
			}
			infos, err := store.List(t.Context(), "")
			require.NoError(t, err)
			assert.Len(t, infos, 3)
			assert.Empty(t, server.unsigned())
		})
	}
}

// skewed is S3 whose clock is off by what ahead holds.
func skewed(ahead *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Add(time.Duration(ahead.Load()))
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil || now.Sub(signed).Abs() > 15*time.Minute {
			refuse(w, http.StatusForbidden, "RequestTimeTooSkewed")
			return
		}
		refuse(w, http.StatusNotFound, "NoSuchKey")
	}
}

func TestASkewedClockIsSetRight(t *testing.T) {
	var ahead atomic.Int64
	store := answering(t, nil, skewed(&ahead))
	for _, off := range []time.Duration{time.Hour, -30 * 24 * time.Hour, 0} { // the local clock is set right in the end
		ahead.Store(int64(off))
		_, err := store.Get(t.Context(), "dev/current")
		require.ErrorIs(t, err, ledger.ErrUnavailable, "another attempt helps")
		for range 2 {
			object, err := store.Get(t.Context(), "dev/current")
			require.ErrorIs(t, err, ledger.ErrNotFound)
			assert.WithinDuration(t, time.Now().Add(off), object.Now, time.Minute, "the store's clock is told with errors too")
		}
	}
}

func TestASkewedClockThatCannotBeSetRightIsSaid(t *testing.T) {
	var ahead atomic.Int64
	ahead.Store(int64(time.Hour))
	store := answering(t, func(cfg *aws.Config) { cfg.DisableClockSkewCorrection = true }, skewed(&ahead))
	dateless := answering(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		refuse(w, http.StatusForbidden, "RequestTimeTooSkewed")
	})
	always := answering(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "RequestTimeTooSkewed") // with the local time as its Date
	})
	for name, store := range map[string]*ledger.S3{"unwanted": store, "no date": dateless, "no skew": always} {
		for range 2 {
			_, err := store.Get(t.Context(), "dev/current")
			require.ErrorContains(t, err, "S3 answers 403 RequestTimeTooSkewed: in words (request 0A1B2C)", name)
			assert.NotErrorIs(t, err, ledger.ErrUnavailable, name)
		}
	}
}

// A redirect is answered to a request signed for the wrong region: following it
// would hand the session token on, to be refused.
func TestAnotherRegionIsSaidAndNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for code, status := range map[string]int{
		"PermanentRedirect": http.StatusMovedPermanently, "TemporaryRedirect": http.StatusTemporaryRedirect,
		"AuthorizationHeaderMalformed": http.StatusBadRequest, "IllegalLocationConstraintException": http.StatusBadRequest,
	} {
		for name, client := range map[string]aws.HTTPClient{
			"none": nil, "net/http": &http.Client{Transport: &http.Transport{}}, "the SDK's": awshttp.NewBuildableClient(),
		} {
			t.Run(code+" "+name, func(t *testing.T) {
				store := answering(t, func(cfg *aws.Config) { cfg.HTTPClient = client }, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", elsewhere.URL)
					refuse(w, status, code)
				})
				_, err := store.Get(t.Context(), "dev/current")
				require.ErrorIs(t, err, ledger.ErrNoStore)
				require.ErrorContains(t, err, "bucket growl-states is not in us-west-1: name its region")
				_, err = store.Put(t.Context(), "dev/current", []byte("x"), ledger.Absent)
				require.ErrorIs(t, err, ledger.ErrNoStore)
				_, err = store.List(t.Context(), "")
				require.ErrorIs(t, err, ledger.ErrNoStore)
			})
		}
	}
}

// S3 names the bucket's own region in a header, in the error document, or not at all.
func TestAnotherRegionIsNamed(t *testing.T) {
	const named = "bucket growl-states is not in us-west-1: name its region, eu-west-1, in the ledger's location: s3://growl-states/deploy?region=eu-west-1"
	const unnamed = "bucket growl-states is not in us-west-1: name its region in the ledger's location, s3://growl-states/deploy?region=REGION: `aws s3api get-bucket-location --bucket growl-states` prints it"
	document := func(code, more string) string { return "<Error><Code>" + code + "</Code>" + more + "</Error>" }
	for name, row := range map[string]struct {
		status       int
		header, body string
		want         string
	}{
		"301 with a header":              {http.StatusMovedPermanently, "eu-west-1", document("PermanentRedirect", "<Endpoint>x</Endpoint>"), named},
		"301 with nothing else":          {http.StatusMovedPermanently, "eu-west-1", "", named},
		"301 without a region":           {http.StatusMovedPermanently, "", document("PermanentRedirect", ""), unnamed},
		"307":                            {http.StatusTemporaryRedirect, "eu-west-1", document("TemporaryRedirect", ""), named},
		"400 with a region":              {http.StatusBadRequest, "", document("AuthorizationHeaderMalformed", "<Message>The authorization header is malformed; the region 'us-west-1' is wrong; expecting 'eu-west-1'</Message>"), named},
		"a region that is none":          {http.StatusMovedPermanently, "x y", document("PermanentRedirect", "<Region>../</Region>"), unnamed},
		"the header is no region":        {http.StatusMovedPermanently, "?", document("PermanentRedirect", "<Message>expecting 'eu-west-1'</Message>"), named},
		"307 to the same region":         {http.StatusTemporaryRedirect, "us-west-1", document("TemporaryRedirect", ""), ""},
		"400 of the same region":         {http.StatusBadRequest, "", document("AuthorizationHeaderMalformed", "<Message>expecting 'us-west-1'</Message>"), ""},
		"another error of a bucket":      {http.StatusForbidden, "eu-west-1", document("AccessDenied", ""), ""},
		"a redirect that is not by S3":   {http.StatusFound, "", "<html>", ""},
		"another error that has no code": {http.StatusBadRequest, "eu-west-1", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if row.header != "" {
					w.Header().Set("X-Amz-Bucket-Region", row.header)
				}
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			}))
			t.Cleanup(site.Close)
			cfg := configured(nil)
			cfg.BaseEndpoint = &site.URL
			store, err := ledger.NewS3FromConfig(cfg, ledger.S3Options{Bucket: "growl-states", Prefix: "deploy", Region: "us-west-1"})
			require.NoError(t, err)
			for call, err := range calls(t.Context(), store) {
				if row.want == "" {
					assert.NotErrorIs(t, err, ledger.ErrNoStore, call)
					assert.NotContains(t, err.Error(), "name its region", call)
					continue
				}
				require.ErrorIs(t, err, ledger.ErrNoStore, call)
				require.ErrorContains(t, err, row.want, call)
				assert.NotContains(t, err.Error(), "\n")
			}
		})
	}
}

func TestTheConfiguredClientAndItsProxyAreUsed(t *testing.T) {
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.RequestURI)
		if checkSigned(r, nil) == nil {
			refuse(w, http.StatusNotFound, "NoSuchKey")
		}
	}))
	t.Cleanup(proxy.Close)
	through, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	cfg := configured(awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { tr.Proxy = http.ProxyURL(through) }))
	cfg.BaseEndpoint = aws.String("http://s3.example.net")
	store, err := ledger.NewS3FromConfig(cfg, ledger.S3Options{Bucket: "growl-states"})
	require.NoError(t, err)
	_, err = store.Get(t.Context(), "dev/a key")
	require.ErrorIs(t, err, ledger.ErrNotFound)
	assert.Equal(t, "http://s3.example.net/growl-states/dev/a%20key?x-id=GetObject", asked.Load())
}

// The SDK's client finds its endpoint in the same places, in the same order.
func TestTheEndpointIsTheSDKs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(file, []byte(`
[default]
endpoint_url = http://all.file
services = own
[profile ignoring]
endpoint_url = http://all.file
services = own
ignore_configured_endpoint_urls = true
[services own]
s3 =
  endpoint_url = http://s3.file
`), 0o600))
	for name, row := range map[string]struct {
		want    string
		env     map[string]string
		options []func(*awsconfig.LoadOptions) error
	}{
		"none":                  {"growl-states.s3.us-west-1.amazonaws.com", nil, nil},
		"all":                   {"all.env", map[string]string{"AWS_ENDPOINT_URL": "http://all.env"}, nil},
		"own":                   {"s3.env", map[string]string{"AWS_ENDPOINT_URL_S3": "http://s3.env"}, nil},
		"own before all":        {"s3.env", map[string]string{"AWS_ENDPOINT_URL": "http://all.env", "AWS_ENDPOINT_URL_S3": "http://s3.env"}, nil},
		"file":                  {"s3.file", map[string]string{"AWS_CONFIG_FILE": file}, nil},
		"all before file":       {"all.env", map[string]string{"AWS_CONFIG_FILE": file, "AWS_ENDPOINT_URL": "http://all.env"}, nil},
		"own before file":       {"s3.env", map[string]string{"AWS_CONFIG_FILE": file, "AWS_ENDPOINT_URL_S3": "http://s3.env"}, nil},
		"ignored":               {"growl-states.s3.us-west-1.amazonaws.com", map[string]string{"AWS_CONFIG_FILE": file, "AWS_PROFILE": "ignoring"}, nil},
		"ignored by the env":    {"growl-states.s3.us-west-1.amazonaws.com", map[string]string{"AWS_ENDPOINT_URL_S3": "http://s3.env", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, nil},
		"program before others": {"program", map[string]string{"AWS_CONFIG_FILE": file, "AWS_ENDPOINT_URL_S3": "http://s3.env"}, []func(*awsconfig.LoadOptions) error{awsconfig.WithBaseEndpoint("http://program")}},
	} {
		t.Run(name, func(t *testing.T) {
			onlyEnv(t, row.env)
			var hosts []string
			record := exchange(func(r *http.Request) (*http.Response, error) {
				hosts = append(hosts, r.URL.Host)
				return nil, &net.DNSError{IsNotFound: true}
			})
			cfg, err := awsconfig.LoadDefaultConfig(t.Context(), append(row.options, awsconfig.WithRegion("us-west-1"),
				awsconfig.WithHTTPClient(record), awsconfig.WithCredentialsProvider(configured(nil).Credentials))...)
			require.NoError(t, err)
			store, err := ledger.NewS3FromConfig(cfg, ledger.S3Options{Bucket: "growl-states"})
			require.NoError(t, err)
			_, err = store.Get(t.Context(), "dev/current")
			require.Error(t, err)
			sdk := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = row.want != "growl-states.s3.us-west-1.amazonaws.com" })
			_, err = sdk.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("growl-states"), Key: aws.String("dev/current")})
			require.Error(t, err)
			assert.Equal(t, []string{row.want, row.want}, hosts)
		})
	}
}

// onlyEnv leaves nothing of this machine's AWS in the environment.
func onlyEnv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, line := range os.Environ() {
		if name, _, _ := strings.Cut(line, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // so that it comes back
			require.NoError(t, os.Unsetenv(name))
		}
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func TestEndpointsAndRegionsThatMakeNoSense(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:9000", "ftp://host", "http://", "http://user:password@host", "http://%zz", "\x00"} {
		cfg := configured(nil)
		cfg.BaseEndpoint = &endpoint
		_, err := ledger.NewS3FromConfig(cfg, ledger.S3Options{Bucket: "growl-states"})
		require.ErrorContains(t, err, "open bucket growl-states: the endpoint makes no sense: set AWS_ENDPOINT_URL_S3", endpoint)
		assert.NotContains(t, err.Error(), "password")
	}
	for _, region := range []string{"us west", "evil.example/", "-a", "a-", "US-WEST-1"} {
		_, err := ledger.NewS3FromConfig(configured(nil), ledger.S3Options{Bucket: "growl-states", Region: region})
		require.ErrorContains(t, err, "want a name such as us-west-1", region)
	}
}

func TestCredentialsThatAreNotThere(t *testing.T) {
	unused := func(http.ResponseWriter, *http.Request) { t.Error("an unsigned request was sent") }
	none := answering(t, func(cfg *aws.Config) { cfg.Credentials = nil }, unused)
	_, err := none.Get(t.Context(), "dev/current")
	require.ErrorIs(t, err, ledger.ErrDenied)
	require.ErrorContains(t, err, "there are no AWS credentials: run `aws sso login`")

	for is, cause := range map[error]error{ledger.ErrUnavailable: &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, os.ErrNotExist: os.ErrNotExist} {
		failing := answering(t, func(cfg *aws.Config) {
			cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, cause })
		}, unused)
		_, err = failing.Get(t.Context(), "dev/current")
		require.ErrorIs(t, err, is)
		require.ErrorContains(t, err, "get the AWS credentials")
	}
}
