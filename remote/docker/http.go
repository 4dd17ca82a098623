package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Bounds of one request to the service.
const (
	requestTimeout = 5 * time.Second
	maxAnswer      = 64 << 10
)

// newHTTP asks the service through the instance: each request on a connection
// of its own, closed after the answer, so that none of ours stays open.
func newHTTP(conn Conn) *http.Client {
	return &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				return conn.DialTCP(ctx, address)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get asks the service on the instance itself.
func (h *Host) get(ctx context.Context, path string) (int, []byte, error) {
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(h.spec.HostPort)) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("User-Agent", "growl-deploy")
	response, err := h.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, body, err
}

// healthy is nil when the health path answers 200.
func (h *Host) healthy(ctx context.Context) error {
	status, _, err := h.get(ctx, h.spec.HealthPath)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET %s answers %d", h.spec.HealthPath, status)
	}
	return err
}

// version is what the version path answers.
type version struct {
	commit string
	// count is the service's own count of connections; nil where it has none.
	count *uint64
}

// askVersion asks the version path. Not being one is an answer too: then found
// is false.
func (h *Host) askVersion(ctx context.Context) (v version, found bool, err error) {
	status, body, err := h.get(ctx, h.spec.VersionPath)
	if err != nil {
		return v, false, err
	}
	if status != http.StatusOK {
		return v, false, nil
	}
	v, found = parseVersion(body, h.spec.CountField)
	return v, found, nil
}

// parseVersion reads a JSON object's commit and count; what has another type is
// not there.
func parseVersion(body []byte, countField string) (v version, ok bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return v, false
	}
	_ = json.Unmarshal(fields["commit"], &v.commit)
	var count *uint64
	if raw, there := fields[countField]; there && countField != "" && json.Unmarshal(raw, &count) == nil {
		v.count = count
	}
	return v, true
}
