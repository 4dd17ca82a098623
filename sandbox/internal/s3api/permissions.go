package s3api

import (
	"net/http"

	"github.com/growl-dev/deploy/internal/iam"
)

func accessDenied() *apiError {
	return &apiError{code: "AccessDenied", message: "Access Denied", status: http.StatusForbidden}
}

// permit returns an error if the policies of the caller's role do not allow the call.
func (s *Server) permit(c *call) *apiError {
	key, region := credential(c.request)
	c.caller = s.opts.Roles.Find(key)
	if c.caller == nil {
		return nil
	}
	needed, mapped := permission(c)
	if !mapped {
		return &apiError{code: "NotImplemented", message: "The sandbox cannot decide the call: " + c.action + " is not mapped to a permission", status: http.StatusNotImplemented}
	}
	needed.Context[iam.RequestedRegion] = region
	if err := c.caller.Authorize(needed); err != nil {
		return &apiError{code: "AccessDenied", message: err.Error(), status: http.StatusForbidden}
	}
	return nil
}

// permission returns the permission that a call needs. S3's permissions have other names than its calls.
func permission(c *call) (needed iam.Request, mapped bool) {
	needed = iam.Request{Resource: bucketARN(c), Context: map[string]string{}}
	switch c.action {
	case "GetObject", "HeadObject":
		needed.Action, needed.Resource = "s3:GetObject", bucketARN(c)+"/"+c.key
	case "PutObject", "DeleteObject":
		needed.Action, needed.Resource = "s3:"+c.action, bucketARN(c)+"/"+c.key
		if condition := c.request.Header.Get("If-None-Match"); c.action == "PutObject" && condition != "" {
			needed.Context[iam.S3IfNoneMatch] = condition
		}
	case "ListObjects", "ListObjectsV2", "HeadBucket":
		needed.Action = "s3:ListBucket"
		if query := c.request.URL.Query(); query.Has("prefix") {
			needed.Context[iam.S3Prefix] = query.Get("prefix")
		}
	case "GetBucketLocation", "CreateBucket":
		needed.Action = "s3:" + c.action
	case "ListBuckets":
		needed.Action, needed.Resource = "s3:ListAllMyBuckets", "*"
	default:
		return needed, false
	}
	return needed, true
}

// maySeeThatNothingIsThere reports whether the caller may learn that an object does not exist. In S3 that needs the
// permission to list the bucket. A request for an object has no s3:prefix, so the permission to list only some prefixes
// is not enough.
func (c *call) maySeeThatNothingIsThere() bool {
	_, region := credential(c.request)
	list := iam.Request{Action: "s3:ListBucket", Resource: bucketARN(c), Context: map[string]string{iam.RequestedRegion: region}}
	if c.caller == nil {
		return true
	}
	return c.caller.Allows(list) && c.caller.Authorize(list) == nil
}

func bucketARN(c *call) string { return "arn:aws:s3:::" + c.bucket }
