package ecr

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"
)

const (
	repositoryURI = "123456789012.dkr.ecr.us-west-1.amazonaws.com/growl-backend"
	mediaType     = "application/vnd.oci.image.manifest.v1+json"
	sha1          = "1111111111111111111111111111111111111111"
	sha2          = "2222222222222222222222222222222222222222"
)

// fake is an ECR endpoint that implements JSON 1.1 and keeps its images.
type fake struct {
	mu        sync.Mutex
	images    []*fakeImage
	immutable bool
	page      int // images on a page; 0 means all
	issued    int // tokens
	life      time.Duration
	throttle  int    // the number of calls still to throttle
	lose      int    // the number of calls to apply without a response
	refuse    string // the error code of every response
	token     string // in place of a good authorization token
	calls     []fakeCall
}

type fakeCall struct {
	action, region string
	in             request
}

type fakeImage struct {
	digest, manifest string
	tags             []string
	pushed           time.Time
}

type imageID struct {
	Digest string `json:"imageDigest,omitempty"`
	Tag    string `json:"imageTag,omitempty"`
}

// request holds the members of all requests.
type request struct {
	Repository string    `json:"repositoryName"`
	Registry   string    `json:"registryId"`
	ImageIDs   []imageID `json:"imageIds"`
	Accepted   []string  `json:"acceptedMediaTypes"`
	Manifest   string    `json:"imageManifest"`
	MediaType  string    `json:"imageManifestMediaType"`
	Digest     string    `json:"imageDigest"`
	Tag        string    `json:"imageTag"`
	NextToken  string    `json:"nextToken"`
}

func newFake(t *testing.T) (*fake, *Repository) {
	f := &fake{life: 12 * time.Hour}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	r, err := NewFromConfig(aws.Config{
		Region:       "us-west-2", // the instances' region, not the registry's
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret-key-of-the-test", ""),
	}, repositoryURI, Options{MaxBackoff: time.Millisecond})
	require.NoError(t, err)
	return f, r
}

// push adds an image and returns its digest.
func (f *fake) push(manifest string, pushed time.Time, tags ...string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := sha256.Sum256([]byte(manifest))
	image := &fakeImage{digest: "sha256:" + hex.EncodeToString(sum[:]), manifest: manifest, tags: tags, pushed: pushed}
	f.images = append(f.images, image)
	return image.digest
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var in request
	_ = json.NewDecoder(r.Body).Decode(&in)
	f.calls = append(f.calls, fakeCall{action, scopeRegion(r), in})
	var out any
	code := f.refuse
	switch {
	case f.throttle > 0:
		f.throttle--
		code = "ThrottlingException"
	case code == "" && in.Repository != "" && in.Repository != "growl-backend":
		code = "RepositoryNotFoundException"
	case code == "":
		out, code = f.answer(action, in)
	}
	if f.lose > 0 {
		f.lose--
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if code != "" {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": code, "message": "refused by the test"}
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (f *fake) answer(action string, in request) (any, string) {
	switch action {
	case "DescribeImages":
		return f.describe(in)
	case "BatchGetImage":
		return f.batchGet(in), ""
	case "PutImage":
		return f.put(in)
	case "GetAuthorizationToken":
		return f.authorize(), ""
	}
	return nil, "UnknownOperationException"
}

func (f *fake) describe(in request) (any, string) {
	if len(in.ImageIDs) > 0 {
		image := f.find(in.ImageIDs[0])
		if image == nil {
			return nil, "ImageNotFoundException"
		}
		return map[string]any{"imageDetails": []any{detail(image)}}, ""
	}
	var tagged []any
	for _, image := range f.images {
		if len(image.tags) > 0 {
			tagged = append(tagged, detail(image))
		}
	}
	from, _ := strconv.Atoi(in.NextToken)
	if f.page == 0 || from+f.page >= len(tagged) {
		return map[string]any{"imageDetails": tagged[from:]}, ""
	}
	return map[string]any{"imageDetails": tagged[from : from+f.page], "nextToken": strconv.Itoa(from + f.page)}, ""
}

func detail(image *fakeImage) any {
	return map[string]any{
		"imageDigest": image.digest, "imageTags": image.tags,
		"imagePushedAt": float64(image.pushed.Unix()), "imageSizeInBytes": len(image.manifest),
	}
}

func (f *fake) batchGet(in request) any {
	image := f.find(in.ImageIDs[0])
	if image == nil {
		failure := map[string]any{"imageId": in.ImageIDs[0], "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
		return map[string]any{"images": []any{}, "failures": []any{failure}}
	}
	return map[string]any{"failures": []any{}, "images": []any{map[string]any{
		"imageId": imageID{Digest: image.digest}, "imageManifest": image.manifest, "imageManifestMediaType": mediaType,
	}}}
}

func (f *fake) put(in request) (any, string) {
	sum := sha256.Sum256([]byte(in.Manifest))
	digest := "sha256:" + hex.EncodeToString(sum[:])
	image, holder := f.find(imageID{Digest: digest}), f.find(imageID{Tag: in.Tag})
	switch {
	case in.Digest != digest:
		return nil, "ImageDigestDoesNotMatchException"
	case image == nil || in.MediaType != mediaType:
		return nil, "InvalidParameterException"
	case holder == image:
		return nil, "ImageAlreadyExistsException"
	case holder != nil && f.immutable:
		return nil, "ImageTagAlreadyExistsException"
	case holder != nil:
		holder.tags = slices.DeleteFunc(holder.tags, func(tag string) bool { return tag == in.Tag })
	}
	image.tags = append(image.tags, in.Tag)
	return map[string]any{"image": map[string]any{"imageId": imageID{digest, in.Tag}}}, ""
}

func (f *fake) authorize() any {
	f.issued++
	token := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "AWS:token-%d", f.issued))
	if f.token != "" {
		token = f.token
	}
	return map[string]any{"authorizationData": []any{map[string]any{
		"authorizationToken": token, "expiresAt": float64(time.Now().Add(f.life).Unix()), "proxyEndpoint": "https://123456789012.dkr.ecr.us-west-1.amazonaws.com",
	}}}
}

func (f *fake) find(id imageID) *fakeImage {
	for _, image := range f.images {
		if id.Digest != "" && image.digest == id.Digest || id.Tag != "" && slices.Contains(image.tags, id.Tag) {
			return image
		}
	}
	return nil
}

// scopeRegion returns the region that a request was signed for.
func scopeRegion(r *http.Request) string {
	parts := strings.Split(r.Header.Get("Authorization"), "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

// set changes the fake between calls.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// called returns the calls of an action.
func (f *fake) called(action string) (calls []fakeCall) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c.action == action {
			calls = append(calls, c)
		}
	}
	return calls
}
