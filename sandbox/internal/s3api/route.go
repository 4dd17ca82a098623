package s3api

import (
	"net/http"
)

// actions are the calls that are served, by S3's names.
var actions = map[string]func(*Server, *call) reply{
	"ListBuckets":       (*Server).listBuckets,
	"CreateBucket":      (*Server).createBucket,
	"HeadBucket":        (*Server).headBucket,
	"GetBucketLocation": (*Server).bucketLocation,
	"ListObjectsV2":     (*Server).listObjects,
	"ListObjects":       (*Server).listObjects,
	"GetObject":         (*Server).getObject,
	"HeadObject":        (*Server).getObject,
	"PutObject":         (*Server).putObject,
	"DeleteObject":      (*Server).deleteObject,
}

func unknown(_ *Server, c *call) reply {
	return failed(&apiError{code: "NotImplemented", message: "A header or query you provided requested a function that is not implemented: " + c.action, status: http.StatusNotImplemented})
}

// writes are the calls that change something.
var writes = map[string]bool{"CreateBucket": true, "PutObject": true, "DeleteObject": true}

// name returns the action of the request's method, path and query.
func (c *call) name() string {
	method, query := c.request.Method, c.request.URL.Query()
	for parameter := range query {
		switch {
		case subresources[parameter] != "" && c.key == "" && method == http.MethodGet:
			return subresources[parameter]
		case unsupported[parameter]:
			return method + " ?" + parameter
		}
	}
	switch {
	case c.request.Header.Get("X-Amz-Copy-Source") != "":
		return "CopyObject"
	case c.bucket == "":
		return byMethod(method, "ListBuckets", "", "", "")
	case c.key == "":
		list := "ListObjects"
		if query.Get("list-type") == "2" {
			list = "ListObjectsV2"
		}
		return byMethod(method, list, "HeadBucket", "CreateBucket", "")
	}
	return byMethod(method, "GetObject", "HeadObject", "PutObject", "DeleteObject")
}

// subresources are queries of a bucket that select another action.
var subresources = map[string]string{"location": "GetBucketLocation"}

// unsupported are queries that select an action which is not served.
var unsupported = map[string]bool{
	"acl": true, "delete": true, "encryption": true, "lifecycle": true, "logging": true, "policy": true,
	"publicAccessBlock": true, "tagging": true, "uploads": true, "uploadId": true, "versioning": true, "versions": true,
}

func byMethod(method, get, head, put, remove string) string {
	name := ""
	switch method {
	case http.MethodGet:
		name = get
	case http.MethodHead:
		name = head
	case http.MethodPut:
		name = put
	case http.MethodDelete:
		name = remove
	}
	if name == "" {
		return method
	}
	return name
}
