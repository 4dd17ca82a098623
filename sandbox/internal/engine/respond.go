package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// apiError is an error with the HTTP status that the Engine API returns for it.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return e.message }

func failure(status int, format string, args ...any) error {
	return &apiError{status, fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return failure(http.StatusBadRequest, format, args...)
}

func notFound(format string, args ...any) error {
	return failure(http.StatusNotFound, format, args...)
}

func conflict(format string, args ...any) error {
	return failure(http.StatusConflict, format, args...)
}

func internal(format string, args ...any) error {
	return failure(http.StatusInternalServerError, format, args...)
}

// errNotModified makes the status 304: the container is already in the requested state.
var errNotModified = errors.New("not modified")

type apiHandler func(w http.ResponseWriter, r *http.Request) error

func (h apiHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h(w, r)
	var api *apiError
	switch {
	case err == nil:
	case errors.Is(err, errNotModified):
		w.WriteHeader(http.StatusNotModified)
	case errors.As(err, &api):
		writeJSON(w, api.status, map[string]string{"message": api.message})
	default:
		writeJSON(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error means that the client has disconnected.
	_ = json.NewEncoder(w).Encode(v)
}

// maxBody is the limit of a request's body in bytes, far above any container's specification.
const maxBody = 1 << 20

func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		return badRequest("invalid JSON: %v", err)
	}
	return nil
}

// flag reads a boolean query parameter as Docker does: absent, "", "0",
// "no", "false" and "none" are false.
func flag(r *http.Request, name string) bool {
	switch r.URL.Query().Get(name) {
	case "", "0", "no", "false", "none":
		return false
	default:
		return true
	}
}
