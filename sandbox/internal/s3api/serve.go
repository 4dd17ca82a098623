package s3api

import (
	"bytes"
	"net/http"
	"strings"
)

// reply writes one response.
type reply func(http.ResponseWriter, *call)

func (r reply) write(w http.ResponseWriter, c *call) { r(w, c) }

func failed(err *apiError) reply {
	return func(w http.ResponseWriter, c *call) { err.write(w, c) }
}

// serve writes the response to a GET or HEAD, which may be partial or conditional.
func (o object) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	o.describe(h)
	h.Set("Content-Type", "binary/octet-stream")
	if o.contentType != "" {
		h.Set("Content-Type", o.contentType)
	}
	if r.Header.Get("X-Amz-Checksum-Mode") != "" && r.Header.Get("Range") == "" {
		h.Set("X-Amz-Checksum-Crc32", o.crc())
		h.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	if match := r.Header.Get("If-Match"); match != "" && unquote(match) != unquote(o.etag) {
		preconditionFailed("If-Match").write(w, &call{request: r})
		return
	}
	http.ServeContent(w, r, "", o.modified, bytes.NewReader(o.data))
}

func unquote(etag string) string { return strings.Trim(etag, `"`) }
