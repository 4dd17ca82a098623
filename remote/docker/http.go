package docker

import (
	"bufio"
	"bytes"
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
	endTimeout     = time.Second // from the answer to the connection's end
	maxBody        = 64 << 10    // bytes that are looked at
	maxAnswer      = 1 << 20     // bytes that are read, header and all
)

// answer is what the service said.
type answer struct {
	status int
	body   []byte
}

// published is the service's address on the instance itself.
func (h *Host) published() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(h.spec.HostPort))
}

// get asks the service at an address as the instance sees it, each time on a
// connection of its own. The service closes it after the answer, and where it says so
// that is waited for: else the next look at its connections might still find ours.
func (h *Host) get(ctx context.Context, address, path string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("User-Agent", "deploy")
	request.Close = true
	answers := make(chan answer, 2) // the exchange may begin again
	err = h.conn.Exchange(ctx, address, func(service io.ReadWriter) error {
		a, rest, err := ask(service, request)
		if err == nil {
			answers <- a
			defer time.AfterFunc(endTimeout, cancel).Stop()
			_, err = io.Copy(io.Discard, rest)
		}
		return err
	})
	select {
	case a := <-answers: // whatever became of its end
		return a, nil
	default:
		return answer{}, fmt.Errorf("GET %s: %w", path, err)
	}
}

// ask sends a request and reads the answer; rest ends when the service closes the
// connection, if it says that it will. Both are small, and a thousand instances are
// asked often: so are the buffers.
func ask(service io.ReadWriter, request *http.Request) (a answer, rest io.Reader, err error) {
	var text bytes.Buffer
	if err := request.Write(&text); err != nil {
		return a, nil, err
	}
	if _, err := service.Write(text.Bytes()); err != nil {
		return a, nil, err
	}
	reader := bufio.NewReaderSize(io.LimitReader(service, maxAnswer), 512)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return a, nil, err
	}
	defer response.Body.Close()
	a.status = response.StatusCode
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxBody))
	if !response.Close {
		return a, http.NoBody, err
	}
	return a, reader, err
}

// healthy is nil when the health path answers 200. Its error names the setting if a
// wrong one may be the reason: a service that answers with a 5xx has the path.
func (h *Host) healthy(ctx context.Context) error {
	said, err := h.get(ctx, h.published(), h.spec.HealthPath)
	switch {
	case err != nil:
		return fmt.Errorf("%w: does the service listen on port %d (ContainerPort) inside the container?", err, h.spec.ContainerPort)
	case said.status == http.StatusOK:
		return nil
	case said.status < http.StatusInternalServerError:
		return fmt.Errorf("GET %s answers %d: set HealthPath of the service's container to a path that answers %d", h.spec.HealthPath, said.status, http.StatusOK)
	}
	return fmt.Errorf("GET %s answers %d", h.spec.HealthPath, said.status)
}

// version is what the version path answers.
type version struct {
	commit string
	// count is the service's own count of connections; nil where it has none.
	count *uint64
}

// askVersion asks the version path. Not being one is an answer too: then found
// is false.
func (h *Host) askVersion(ctx context.Context, address string) (v version, found bool, err error) {
	said, err := h.get(ctx, address, h.spec.VersionPath)
	if err != nil {
		return v, false, err
	}
	if said.status != http.StatusOK {
		return v, false, nil
	}
	v, found = parseVersion(said.body, h.spec.CountField)
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
