package sandbox

import (
	"net/http"
	"strings"
)

// byService sends requests that are signed for S3 to s3 and all others to rest, because the sandbox has one endpoint for
// all services.
func byService(rest, s3 http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed := r.Header.Get("Authorization") + r.URL.Query().Get("X-Amz-Credential")
		if strings.Contains(signed, "/s3/aws4_request") {
			s3.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}
