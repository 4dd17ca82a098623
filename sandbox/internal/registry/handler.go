package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxManifest is the size of the largest manifest that ECR accepts, 4 MiB.
const maxManifest = 4 << 20

// fault is an error of the registry protocol.
type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// The errors of ECR's registry, in its words.
var (
	errNoCredentials = fault{"UNAUTHORIZED", "Not Authorized"}
	errNotFound      = fault{"NOT_FOUND", "There is nothing at this path."}
	errNoDelete      = fault{"UNSUPPORTED", "The operation is unsupported."}
	errTooLarge      = fault{"SIZE_INVALID", "The manifest is larger than 4 MiB."}
)

// ServeHTTP serves the registry protocol.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	owner, known := r.tokens.check(request)
	if !known {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q,service=%q", "http://"+request.Host+"/", "ecr.amazonaws.com"))
		refuse(w, http.StatusUnauthorized, errNoCredentials)
		return
	}
	name, kind, reference := route(request.URL.Path)
	if denied := r.permit(owner, request, name, kind); denied != nil {
		refuse(w, http.StatusForbidden, fault{"DENIED", denied.Error()})
		return
	}
	switch {
	case request.URL.Path == "/v2/" || request.URL.Path == "/v2":
		r.inner.ServeHTTP(w, request)
	case kind == "":
		refuse(w, http.StatusNotFound, errNotFound)
	case !r.exists(name):
		refuse(w, http.StatusNotFound, fault{"NAME_UNKNOWN", fmt.Sprintf("The repository with name '%s' does not exist in the registry with id '%s'", name, r.account)})
	case request.Method == http.MethodDelete:
		refuse(w, http.StatusMethodNotAllowed, errNoDelete)
	case kind == "manifests" && request.Method == http.MethodPut:
		r.push(w, request, name, reference)
	default:
		r.inner.ServeHTTP(w, request)
	}
}

func (r *Registry) exists(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.find(name) != nil
}

// route splits /v2/<name>/<kind>/<reference>. The kind is empty if the path is not that of a repository.
func route(path string) (name, kind, reference string) {
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return "", "", ""
	}
	parts := strings.Split(rest, "/")
	for i := len(parts) - 2; i > 0; i-- {
		if slices.Contains([]string{"blobs", "manifests", "tags", "referrers"}, parts[i]) {
			return strings.Join(parts[:i], "/"), parts[i], strings.Join(parts[i+1:], "/")
		}
	}
	return "", "", ""
}

// push stores a pushed manifest. Pushing an image again under its tag succeeds.
func (r *Registry) push(w http.ResponseWriter, request *http.Request, name, reference string) {
	content, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxManifest))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, errTooLarge)
		return
	}
	tag := reference
	if strings.HasPrefix(reference, "sha256:") {
		tag = ""
		if reference != digestOf(content) {
			refuse(w, http.StatusBadRequest, fault{"DIGEST_INVALID", "The manifest's digest is not " + reference})
			return
		}
	}
	r.mu.Lock()
	image, err := r.put(r.find(name), tag, request.Header.Get("Content-Type"), content)
	r.mu.Unlock()
	if err != nil {
		refusePush(w, err)
		return
	}
	w.Header().Set("Docker-Content-Digest", image.Digest)
	w.Header().Set("Location", "/v2/"+name+"/manifests/"+image.Digest)
	w.WriteHeader(http.StatusCreated)
}

func refusePush(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, ErrBlobNotFound):
		refuse(w, http.StatusNotFound, fault{"BLOB_UNKNOWN", err.Error()})
	case errors.Is(err, ErrTagInvalid):
		refuse(w, http.StatusBadRequest, fault{"TAG_INVALID", err.Error()})
	default:
		refuse(w, http.StatusBadRequest, fault{"MANIFEST_INVALID", err.Error()})
	}
}

func refuse(w http.ResponseWriter, status int, f fault) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]fault{"errors": {f}})
}
