package s3api

import (
	"net/http"
	"strings"
	"time"
)

// maxSkew is the largest difference that S3 accepts between a request's time and its own.
const maxSkew = 15 * time.Minute

// authorize returns an error if a request has no known access key, is signed for another region, or was signed by a
// wrong clock. A presigned URL is a signed request too.
func (s *Server) authorize(r *http.Request) *apiError {
	key, region := credential(r)
	signed, err := time.Parse("20060102T150405Z", signedAt(r))
	switch {
	case key == "":
		return &apiError{code: "AccessDenied", message: "Access Denied", status: http.StatusForbidden}
	case s.opts.AccessKeyID != "" && key != s.opts.AccessKeyID && s.opts.Roles.Find(key) == nil:
		return &apiError{code: "InvalidAccessKeyId", message: "The AWS Access Key Id you provided does not exist in our records.", status: http.StatusForbidden}
	case s.opts.Region != "" && region != s.opts.Region:
		return &apiError{code: "AuthorizationHeaderMalformed", message: "The authorization header is malformed; the region '" + region + "' is wrong; expecting '" + s.opts.Region + "'", status: http.StatusBadRequest, region: s.opts.Region}
	case err == nil && s.now().Sub(signed).Abs() > maxSkew:
		return &apiError{code: "RequestTimeTooSkewed", message: "The difference between the request time and the current time is too large.", status: http.StatusForbidden}
	}
	return nil
}

// credential returns the key and the region of key/date/region/s3/aws4_request.
func credential(r *http.Request) (key, region string) {
	scope := r.URL.Query().Get("X-Amz-Credential")
	if rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "); ok {
		for field := range strings.SplitSeq(rest, ",") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(field), "Credential="); ok {
				scope = value
			}
		}
	}
	parts := strings.Split(scope, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" {
		return "", ""
	}
	return parts[0], parts[2]
}

func signedAt(r *http.Request) string {
	if at := r.Header.Get("X-Amz-Date"); at != "" {
		return at
	}
	return r.URL.Query().Get("X-Amz-Date")
}
