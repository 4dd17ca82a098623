package ledger_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
)

// secretKey is the one that AWS's documentation signs its examples with.
const secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// checkSignature computes the signature of a request that has arrived anew, as
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
// tells S3 to, with nothing of the SDK's signer.
func checkSignature(r *http.Request, body []byte) error {
	fields := map[string]string{}
	for field := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[name] = value
	}
	if sum := sha256.Sum256(body); r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("the body is not the one of X-Amz-Content-Sha256")
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(signed, name) {
			return fmt.Errorf("%s is not signed", name)
		}
	}
	_, scope, _ := strings.Cut(fields["Credential"], "/")
	sum := sha256.Sum256([]byte(canonical(r, signed)))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), scope, hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = authenticate(key, part)
	}
	if want := hex.EncodeToString(authenticate(key, text)); want != fields["Signature"] {
		return fmt.Errorf("signature %q: want %s", fields["Signature"], want)
	}
	return nil
}

func authenticate(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// canonical is the request as both sides write it down.
func canonical(r *http.Request, signed []string) string {
	lines := []string{r.Method, encode(r.URL.Path, "/"), canonicalQuery(r.URL.Query())}
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		lines = append(lines, name+":"+strings.TrimSpace(value))
	}
	lines = append(lines, "", strings.Join(signed, ";"), r.Header.Get("X-Amz-Content-Sha256"))
	return strings.Join(lines, "\n")
}

func canonicalQuery(query url.Values) string {
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, encode(name, "")+"="+encode(value, ""))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// encode is AWS's UriEncode.
func encode(text, kept string) string {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	var out strings.Builder
	for _, b := range []byte(text) {
		if strings.IndexByte(unreserved+kept, b) >= 0 {
			out.WriteByte(b)
		} else {
			fmt.Fprintf(&out, "%%%02X", b)
		}
	}
	return out.String()
}

// The examples of AWS's documentation, with its own signatures: what is checked
// here is the check.
func TestTheCheckOfSignaturesIsS3s(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for name, example := range map[string]struct {
		head, signed, signature, hash, body string
	}{
		"get": {"GET /test.txt HTTP/1.1\nRange: bytes=0-9", "host;range;x-amz-content-sha256;x-amz-date",
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", empty, ""},
		"put": {"PUT /test$file.text HTTP/1.1\nDate: Fri, 24 May 2013 00:00:00 GMT\nx-amz-storage-class: REDUCED_REDUNDANCY", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "Welcome to Amazon S3."},
		"list": {"GET /?max-keys=2&prefix=J HTTP/1.1", "host;x-amz-content-sha256;x-amz-date",
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", empty, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := example.head + "\nHost: examplebucket.s3.amazonaws.com\nx-amz-date: 20130524T000000Z\nx-amz-content-sha256: " + example.hash +
				"\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=" +
				example.signed + ", Signature=" + example.signature + "\n\n"
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))))
			require.NoError(t, err)
			require.NoError(t, checkSignature(r, []byte(example.body)))
			require.ErrorContains(t, checkSignature(r, []byte("other")), "the body is not the one")
			r.URL.Path += "x"
			require.ErrorContains(t, checkSignature(r, []byte(example.body)), "signature")
		})
	}
}

// odd are keys that are escaped on their way.
var odd = []string{
	"dev/current", "env:/dev/a key+with spaces/ü.json", "~-._/!$&'()*,;=:@[]", "100%/%2F/%zz", "a?b=c#d", "a//b/../c/./d", "\"<>\\^`{|}", "日本\t\x7f",
}

// exchange captures a request as it goes out.
type exchange func(*http.Request) (*http.Response, error)

func (f exchange) Do(r *http.Request) (*http.Response, error) { return f(r) }

// Every request of the store, and for comparison of the SDK's own client, is
// signed as S3 wants it, wherever the bucket is.
func TestRequestsAreSignedAsS3WantsThem(t *testing.T) {
	for name, server := range servers(t) {
		t.Run(name, func(t *testing.T) {
			for _, key := range odd {
				stamp, err := server.store(t).Put(t.Context(), key, []byte("data of "+key), ledger.Absent)
				require.NoError(t, err, "%q", key)
				_, err = server.store(t).Put(t.Context(), key, nil, stamp.Version)
				require.NoError(t, err, "%q", key)
				object, err := server.store(t).Get(t.Context(), key)
				require.NoError(t, err, "%q", key)
				assert.Empty(t, object.Data)
				infos, err := server.store(t).List(t.Context(), key)
				require.NoError(t, err, "%q", key)
				assert.Len(t, infos, 1, "%q", key)
				_, err = server.sdk().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &server.bucket, Key: aws.String("deploy/" + key)})
				require.NoError(t, err, "the SDK's client, of %q", key)
			}
			assert.Equal(t, len(odd), server.objects())
			assert.Empty(t, server.unsigned(), "requests that S3 would refuse")
		})
	}
}

// What goes where, and with which token, is the same as with the SDK's client.
func TestRequestsGoWhereTheSDKsGo(t *testing.T) {
	for _, bucket := range []string{"growl-states", "growl.states", "Growl_States", "ab", "a1b", "-ab", strings.Repeat("b", 64)} {
		for _, region := range []string{"us-west-1", "us-east-1", "ap-southeast-2"} {
			var requests []*http.Request
			cfg := configured(exchange(func(r *http.Request) (*http.Response, error) {
				requests = append(requests, r)
				return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil))}, nil
			}))
			store, err := ledger.NewS3FromConfig(cfg, ledger.S3Options{Bucket: bucket, Region: region})
			if bucket == "-ab" {
				require.ErrorContains(t, err, "want 1 to 128 letters")
				continue
			}
			require.NoError(t, err)
			_, err = store.Get(t.Context(), "dev/current")
			require.Error(t, err)
			client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.Region = region })
			_, err = client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("dev/current")})
			require.Error(t, err)
			require.Len(t, requests, 2)
			ours, theirs := requests[0], requests[1]
			assert.Equal(t, "https://"+theirs.URL.Host+theirs.URL.EscapedPath(), ours.URL.String())
			assert.Equal(t, "session", ours.Header.Get("X-Amz-Security-Token"))
			for _, r := range requests {
				r.Host = r.URL.Host // as net/http sends it
				credential, _, _ := strings.Cut(r.Header.Get("Authorization"), ", ")
				assert.Regexp(t, `^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/\d{8}/`+region+`/s3/aws4_request$`, credential)
				assert.NoError(t, checkSignature(r, nil))
			}
		}
	}
}
