package engine

import (
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strconv"
)

// The oldest and the latest version of the Engine API that are served, as by Docker Engine 25.
const (
	maxAPI       = "1.44"
	minAPI       = "1.24"
	maxAPIMinor  = 44
	minAPIMinor  = 24
	engineNumber = "25.0.16"
)

// routes returns the routes that the engine serves, without a version in their path.
func (e *Engine) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range map[string]apiHandler{
		"GET /_ping":   e.ping,
		"HEAD /_ping":  e.ping,
		"GET /version": e.version,
		"GET /info":    e.info,
		"POST /auth":   e.login,

		"POST /images/create":      e.imageAPI.pull,
		"GET /images/json":         e.imageAPI.list,
		"POST /images/prune":       e.imageAPI.prune,
		"GET /images/{rest...}":    e.imageAPI.get,
		"POST /images/{rest...}":   e.imageAPI.post,
		"DELETE /images/{name...}": e.imageAPI.remove,

		"GET /distribution/{rest...}": e.imageAPI.distribution,

		"GET /containers/json":          e.containerAPI.list,
		"POST /containers/create":       e.containerAPI.create,
		"GET /containers/{id}/json":     e.containerAPI.inspect,
		"GET /containers/{id}/logs":     e.containerAPI.logs,
		"POST /containers/{id}/start":   e.containerAPI.start,
		"POST /containers/{id}/stop":    e.containerAPI.stop,
		"POST /containers/{id}/restart": e.containerAPI.restart,
		"POST /containers/{id}/kill":    e.containerAPI.kill,
		"POST /containers/{id}/rename":  e.containerAPI.rename,
		"POST /containers/{id}/update":  e.containerAPI.update,
		"POST /containers/{id}/wait":    e.containerAPI.wait,
		"DELETE /containers/{id}":       e.containerAPI.remove,

		"/": func(http.ResponseWriter, *http.Request) error { return notFound("page not found") },
	} {
		mux.Handle(pattern, h)
	}
	return mux
}

// ServeHTTP serves the Engine API, with and without a version in the path.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.faults.gone.Load() {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Api-Version", maxAPI)
	w.Header().Set("Docker-Experimental", "false")
	w.Header().Set("Ostype", runtime.GOOS)
	w.Header().Set("Server", "Docker/"+engineNumber+" ("+runtime.GOOS+")")
	r, err := unversioned(r)
	if err != nil {
		apiHandler(func(http.ResponseWriter, *http.Request) error { return err }).ServeHTTP(w, r)
		return
	}
	e.mux.ServeHTTP(w, r)
}

var versionPrefix = regexp.MustCompile(`^/v1\.([0-9]{1,4})(/.*)$`)

// unversioned returns the request without the version in its path. It returns an error if the version is not served.
func unversioned(r *http.Request) (*http.Request, error) {
	match := versionPrefix.FindStringSubmatch(r.URL.Path)
	if match == nil {
		return r, nil
	}
	minor, err := strconv.Atoi(match[1])
	switch {
	case err != nil || minor > maxAPIMinor:
		return r, badRequest("client version 1.%s is too new. Maximum supported API version is %s", match[1], maxAPI)
	case minor < minAPIMinor:
		return r, badRequest("client version 1.%s is too old. Minimum supported API version is %s, "+
			"please upgrade your client to a newer version", match[1], minAPI)
	}
	stripped := new(http.Request)
	*stripped = *r
	stripped.URL = new(url.URL)
	*stripped.URL = *r.URL
	stripped.URL.Path, stripped.URL.RawPath = match[2], ""
	return stripped, nil
}
