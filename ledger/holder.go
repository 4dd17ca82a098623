package ledger

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// Holder is who takes a lease, for people and for recovery. It holds no secret:
// a URL's user and password are cut out.
type Holder struct {
	// RunID names the run, once for ever: its history is filed under it.
	RunID string `json:"run"`
	// Owner is the person or the CI user that started the run.
	Owner string `json:"owner,omitempty"`
	// Host and Process are where it runs.
	Host    string `json:"host,omitempty"`
	Process int    `json:"process,omitempty"`
	// RunURL is the CI run's page; empty outside CI. It names the CI run and its
	// attempt: a later step of the same one takes a lease over at once.
	RunURL string `json:"run_url,omitempty"`
	// Release is what the run rolls out; zero for one that only heals.
	Release rollout.Release `json:"release"`
}

// String names the holder for people: "run 2026… of ann on build-7, process 41, https://…".
func (h Holder) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "run %s", h.RunID)
	if h.Owner != "" {
		fmt.Fprintf(&b, " of %s", h.Owner)
	}
	if h.Host != "" {
		fmt.Fprintf(&b, " on %s", h.Host)
	}
	if h.Process != 0 {
		fmt.Fprintf(&b, ", process %d", h.Process)
	}
	if h.RunURL != "" {
		fmt.Fprintf(&b, ", %s", h.RunURL)
	}
	return b.String()
}

// sameRun reports whether both are of one CI run, or one process that asks again
// after it gave up on an answer.
func (h Holder) sameRun(other Holder) bool {
	if h.RunURL != "" && h.RunURL == other.RunURL && h.Owner == other.Owner {
		return true
	}
	return h.RunID == other.RunID && h.Host == other.Host && h.Process == other.Process
}

// clean returns the holder as it may be written.
func (h Holder) clean() Holder {
	if u, err := url.Parse(h.RunURL); err == nil && u.User != nil {
		u.User = nil
		h.RunURL = u.String()
	} else if err != nil {
		h.RunURL = ""
	}
	h.Owner, h.Host, h.RunURL = shorten(h.Owner), shorten(h.Host), shorten(h.RunURL)
	return h
}

// Run is a run in flight, or one that never finished.
type Run struct {
	Holder
	// Began is when it took the lease, by the store's clock as it last answered before.
	Began time.Time `json:"began"`
	// Entries is its journal in the order it was recorded, without what recovery does not need ([rollout.Append]).
	Entries []rollout.Entry `json:"journal,omitempty"`
}
