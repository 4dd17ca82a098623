package probe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// Options says what to send. The zero value of each field but URL has a meaning.
type Options struct {
	// URL is what is asked for with GET: http or https, without user or password.
	URL string
	// Rate is how many new connections are opened a second, the first at once. Zero:
	// 200. Negative: none.
	Rate float64
	// KeepAlive is how many clients keep their connection. Zero: 20. Negative: none.
	KeepAlive int
	// Interval is the time from one request of a keep-alive client to its next;
	// an answer that takes longer delays it. Zero: 100 ms.
	Interval time.Duration
	// Timeout is how long a request may take, from dialing to the end of its
	// answer. Zero: 5 s.
	Timeout time.Duration
	// InFlight is how many requests on new connections may wait for their answer
	// at once. One that is due beyond that is not sent and counts as failed,
	// "overrun". Zero: what Rate and Timeout can need, at most 4096.
	InFlight int
	// TLS configures https. Nil: the system's roots, the URL's host as the name.
	TLS *tls.Config
}

const (
	leastRate     = 1e-3 // one in a quarter of an hour
	mostRate      = 50_000
	mostKeepAlive = 10_000
	mostInFlight  = 4096
)

// Validate reports every fault of o in one line, as [Start] would.
func (o Options) Validate() error {
	_, err := parseURL(o.URL)
	_, also := o.filled()
	return oneLine(slices.DeleteFunc([]error{err, also}, func(err error) bool { return err == nil }))
}

// filled returns o with its zero values replaced, or an error that names every
// fault of o.
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
		o.InFlight = int(min(max(o.Rate*o.Timeout.Seconds(), 64), mostInFlight))
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
	fault(!(o.Rate < 0 || o.Rate >= leastRate && o.Rate <= mostRate), "rate %g: want %g to %d new connections a second", o.Rate, leastRate, mostRate)
	fault(o.KeepAlive > mostKeepAlive, "%d keep-alive clients: at most %d", o.KeepAlive, mostKeepAlive)
	fault(o.Rate < 0 && o.KeepAlive < 0, "nothing to send: neither new connections nor keep-alive clients")
	fault(o.Interval < time.Millisecond, "interval %s: at least 1ms", o.Interval)
	fault(o.Timeout < time.Millisecond, "timeout %s: at least 1ms", o.Timeout)
	fault(o.InFlight < 0, "in flight %d is negative", o.InFlight)
	return oneLine(faults)
}

// oneLine joins errors into one line.
func oneLine(faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	joined := faults[0]
	for _, f := range faults[1:] {
		joined = fmt.Errorf("%w; %w", joined, f)
	}
	return joined
}

// parseURL reads the URL and says what is wrong with it without repeating a password.
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
