package registry

import (
	"net/http"
	"strings"

	"github.com/growl-dev/deploy/internal/iam"
)

// permit decides a request by the policies of the token's owner. For a request of the registry protocol, ECR checks the
// permissions of the API's calls that do the same.
func (r *Registry) permit(owner *iam.Role, request *http.Request, name, kind string) error {
	if owner == nil || kind == "" {
		return nil
	}
	for _, action := range actions(request, kind) {
		err := owner.Authorize(iam.Request{
			Action:   "ecr:" + action,
			Resource: "arn:aws:ecr:" + r.region + ":" + r.account + ":repository/" + name,
			Context:  map[string]string{iam.RequestedRegion: r.region},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// actions returns the calls of ECR's API that do the same as a request of the registry protocol.
func actions(request *http.Request, kind string) []string {
	switch kind + " " + request.Method {
	case "manifests GET", "manifests HEAD":
		return []string{"BatchGetImage"}
	case "manifests PUT":
		return []string{"PutImage"}
	case "blobs GET":
		if strings.Contains(request.URL.Path, "/blobs/uploads/") { // the progress of an upload
			return []string{"UploadLayerPart"}
		}
		return []string{"GetDownloadUrlForLayer"}
	case "blobs HEAD":
		return []string{"BatchCheckLayerAvailability"}
	case "blobs POST":
		if request.URL.Query().Has("digest") { // a whole upload in one request
			return []string{"InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload"}
		}
		return []string{"InitiateLayerUpload"}
	case "blobs PATCH":
		return []string{"UploadLayerPart"}
	case "blobs PUT":
		return []string{"CompleteLayerUpload"}
	case "tags GET":
		return []string{"ListImages"}
	case "referrers GET":
		return []string{"ListImageReferrers"}
	}
	// Nothing else is served, and DELETE is refused by its method.
	return []string{"BatchDeleteImage"}
}
