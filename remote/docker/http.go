package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/growl-dev/deploy/remote"
	"github.com/moby/moby/api/types/container"
)

// Limits of one request to the service.
const (
	requestTimeout = 5 * time.Second
	endTimeout     = time.Second // from the answer to the connection's end
	maxBody        = 64 << 10    // bytes of it that are parsed
	maxAnswer      = 1 << 20     // bytes that are read, header included
)

// answer is the response of the service.
type answer struct {
	status int
	body   []byte
}

// serviceConn is the part of a [Conn] that a service needs.
type serviceConn interface {
	Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error
}

// service sends requests to the service on an instance, through the port that its container publishes.
type service struct {
	conn serviceConn
	spec Spec
	// ip is the instance's only address on which the container publishes the port; zero: loopback reaches it.
	ip netip.Addr
}

// of returns the service in a container. One that no rollout created may publish its port on one address only.
func (s service) of(found container.InspectResponse) service {
	s.ip = netip.Addr{}
	for _, bindings := range found.HostConfig.PortBindings {
		for _, b := range bindings {
			if b.HostPort == strconv.Itoa(s.spec.HostPort) && b.HostIP.IsValid() && !b.HostIP.IsUnspecified() {
				s.ip = b.HostIP
			}
		}
	}
	return s
}

// address returns the address at which the instance itself reaches the service.
func (s service) address() string {
	host := "127.0.0.1"
	if s.ip.IsValid() {
		host = s.ip.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(s.spec.HostPort))
}

// checkForwarding returns an error if the SSH server forbids connections to the service, because a new container could not
// be proven then. Whether anything listens there does not matter.
func (s service) checkForwarding(ctx context.Context) error {
	err := s.conn.Exchange(ctx, s.address(), func(io.ReadWriter) error { return nil })
	if errors.Is(err, remote.ErrForwarding) {
		return fmt.Errorf("reach the service's port: %w", err)
	}
	return nil
}

// get requests a path, each time on a connection of its own. The service closes it after the answer. If its answer
// announces that, get waits for it, because the next sample of its connections might still find ours otherwise.
func (s service) get(ctx context.Context, path string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address()+path, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("User-Agent", "deploy")
	request.Close = true
	answers := make(chan answer, 2) // talk may be called again
	err = s.conn.Exchange(ctx, s.address(), func(stream io.ReadWriter) error {
		a, rest, err := exchange(stream, request)
		if err == nil {
			answers <- a
			defer time.AfterFunc(endTimeout, cancel).Stop()
			_, err = io.Copy(io.Discard, rest)
		}
		return err
	})
	select {
	case a := <-answers: // even if its end could not be awaited
		return a, nil
	default:
		return answer{}, fmt.Errorf("GET %s: %w", path, err)
	}
}

// exchange sends a request and reads the answer. rest ends when the service closes the connection; it is empty if the
// answer does not announce that. Both messages are small and so are the buffers, because a thousand instances may be
// sampled at once.
func exchange(stream io.ReadWriter, request *http.Request) (a answer, rest io.Reader, err error) {
	var text bytes.Buffer
	if err := request.Write(&text); err != nil {
		return a, nil, err
	}
	if _, err := stream.Write(text.Bytes()); err != nil {
		return a, nil, err
	}
	reader := bufio.NewReaderSize(io.LimitReader(stream, maxAnswer), 512)
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

// healthy returns nil if the health path answers 200. Its error names the setting if a wrong one may be the reason: a
// service that answers with a 5xx has the path.
func (s service) healthy(ctx context.Context) error {
	response, err := s.get(ctx, s.spec.HealthPath)
	switch {
	case err != nil:
		return fmt.Errorf("%w: does the service listen on port %d (ContainerPort) inside the container?", err, s.spec.ContainerPort)
	case response.status == http.StatusOK:
		return nil
	}
	err = statusError{s.spec.HealthPath, response.status}
	if response.status < http.StatusInternalServerError {
		err = fmt.Errorf("%w: set HealthPath of the service's container to a path that answers %d", err, http.StatusOK)
	}
	return err
}

// statusError is the error of a service that answers something else than 200 on the health path.
type statusError struct {
	path   string
	status int
}

func (e statusError) Error() string { return fmt.Sprintf("GET %s answers %d", e.path, e.status) }

// evidence is what a container showed before it was stopped, so that the same shows that it is back: a status of its health
// path, or none.
type evidence string

const (
	isHealthy evidence = "200"
	// noAnswer: it did not run, or did not answer, so that nothing can be demanded when it is put back.
	noAnswer evidence = "none"
)

// evidence returns what the running service shows now, and the error if that is not enough for a new container.
func (s service) evidence(ctx context.Context) (evidence, error) {
	err := s.healthy(ctx)
	if err == nil {
		return isHealthy, nil
	}
	if answers, ok := errors.AsType[statusError](err); ok {
		return evidence(strconv.Itoa(answers.status)), err
	}
	return noAnswer, err
}

// shows returns nil if the running service is healthy, or shows what it showed before.
func (s service) shows(ctx context.Context, before evidence) error {
	now, err := s.evidence(ctx)
	if now == before {
		return nil
	}
	return err
}

// version is the answer of the version path.
type version struct {
	commit string
	// count is the service's own count of connections; nil if it has none.
	count *uint64
}

// version requests the version path. found is false if the answer is not that of a version path.
func (s service) version(ctx context.Context) (v version, found bool, err error) {
	response, err := s.get(ctx, s.spec.VersionPath)
	if err != nil {
		return v, false, err
	}
	if response.status != http.StatusOK {
		return v, false, nil
	}
	v, found = parseVersion(response.body, s.spec.CountField)
	return v, found, nil
}

// parseVersion reads the commit and the count from a JSON object. A field of another type counts as missing.
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
