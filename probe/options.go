package probe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/growl-dev/deploy/internal/oneline"
)

// Options configures a probe. The zero value of each field but URL has a meaning.
type Options struct {
	// URL is requested with GET. It is http or https, without user or password.
	URL string
	// Rate is the number of new connections per second, the first at once. Zero: 200. Negative: none.
	Rate float64
	// KeepAlive is the number of clients that keep their connection. Zero: 20. Negative: none.
	KeepAlive int
	// Interval is the time from one request of a keep-alive client to its next; an answer that takes longer delays it.
	// Zero: 100 ms.
	Interval time.Duration
	// Timeout bounds a request, from dialing to the end of its answer. Zero: 5 s.
	Timeout time.Duration
	// InFlight is the number of requests on new connections that may wait for their answer at once. A request that is
	// due beyond that is not sent and counts as failed, "overrun". Zero: as many as Rate and Timeout can need, at most
	// 4096.
	InFlight int
	// TLS configures https. Nil: the system's root certificates, and the URL's host as the name.
	TLS *tls.Config
}

const (
	minRate      = 1e-3 // one in a quarter of an hour
	maxRate      = 50_000
	maxKeepAlive = 10_000
	maxInFlight  = 4096
)

// Validate returns an error that names every fault of o on one line, the same as [Start] returns.
func (o Options) Validate() error {
	_, err := parseURL(o.URL)
	_, also := o.filled()
	return oneline.Error(errors.Join(err, also))
}

// filled returns o with its zero values replaced, or an error that names every fault of o.
func (o Options) filled() (Options, error) {
	if o.Rate == 0 {
		o.Rate = 200
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = 20
	}
	if o.Interval == 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if err := o.validate(); err != nil {
		return o, err
	}
	if o.InFlight == 0 {
		o.InFlight = int(min(max(o.Rate*o.Timeout.Seconds(), 64), maxInFlight))
	}
	return o, nil
}

func (o Options) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!(o.Rate < 0 || o.Rate >= minRate && o.Rate <= maxRate), "rate %g: want %g to %d new connections a second", o.Rate, minRate, maxRate)
	fault(o.KeepAlive > maxKeepAlive, "%d keep-alive clients: at most %d", o.KeepAlive, maxKeepAlive)
	fault(o.Rate < 0 && o.KeepAlive < 0, "nothing to send: neither new connections nor keep-alive clients")
	fault(o.Interval < time.Millisecond, "interval %s: at least 1ms", o.Interval)
	fault(o.Timeout < time.Millisecond, "timeout %s: at least 1ms", o.Timeout)
	fault(o.InFlight < 0, "in flight %d is negative", o.InFlight)
	return oneline.Error(errors.Join(faults...))
}

// parseURL parses the URL. Its error does not repeat a password.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	var bad *url.Error
	switch {
	case errors.As(err, &bad):
		return nil, fmt.Errorf("probe URL: %w", bad.Err)
	case err != nil:
		return nil, errors.New("probe URL cannot be read")
	case u.User != nil:
		return nil, errors.New("probe URL holds a user: want http://host:port/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("probe URL %q: want http://host:port/path", text)
	case u.Hostname() == "":
		return nil, fmt.Errorf("probe URL %q names no host: want http://host:port/path", text)
	}
	return u, nil
}
