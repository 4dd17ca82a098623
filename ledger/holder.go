package ledger

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// Holder names the run that holds a lease, for people, and identifies its process. It holds no secret: a URL's user and
// password are cut out.
type Holder struct {
	// RunID is the run's ID, which no other run ever has, because its record in the history is named by it.
	RunID string `json:"run"`
	// Owner is the person or the CI user that started the run.
	Owner string `json:"owner,omitempty"`
	// Host and Process are the machine and the process ID.
	Host    string `json:"host,omitempty"`
	Process int    `json:"process,omitempty"`
	// Boot, Namespace and Started identify the process among all that its machine ever ran: the ID of the machine's boot,
	// the PID namespace, and the time of its start in clock ticks since the boot. Empty if they are not known.
	Boot      string `json:"boot,omitempty"`
	Namespace string `json:"pid_namespace,omitempty"`
	Started   uint64 `json:"started,omitempty"`
	// RunURL is the page of the CI run and its attempt; empty outside CI.
	RunURL string `json:"run_url,omitempty"`
	// Job identifies the job of that CI run: all jobs of a matrix have the same page.
	Job string `json:"job,omitempty"`
	// Release is the one that the run rolls out; zero for a run that only heals.
	Release rollout.Release `json:"release"`
}

// String returns the holder for people: "run 2026… of ann on build-7, process 41, https://…".
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

// mayReplace reports whether the holder may take a lease that has not ended from another holder. That is allowed to a
// later step of the same CI job if the process of the step before it has ended, and to the same run, which tries again
// because it received no response.
func (h Holder) mayReplace(other Holder) bool {
	return h.sameJob(other) && other.ended() || h.RunID == other.RunID && h.Host == other.Host && h.Process == other.Process
}

// sameJob reports whether both are steps of one CI job.
func (h Holder) sameJob(other Holder) bool {
	return h.RunURL != "" && h.Job != "" && h.RunURL == other.RunURL && h.Job == other.Job && h.Owner == other.Owner
}

// clean returns the holder as it may be written.
func (h Holder) clean() Holder {
	if u, err := url.Parse(h.RunURL); err == nil && u.User != nil {
		u.User = nil
		h.RunURL = u.String()
	} else if err != nil {
		h.RunURL = ""
	}
	for _, text := range []*string{&h.Owner, &h.Host, &h.Boot, &h.Namespace, &h.RunURL, &h.Job} {
		*text = shorten(*text)
	}
	return h
}

// forPeople returns the holder without what identifies its process.
func (h Holder) forPeople() Holder {
	h.Boot, h.Namespace, h.Started, h.Job = "", "", 0, ""
	return h
}

// Run is a run that holds the lease, or one that never finished.
type Run struct {
	Holder
	// Began is the store's time at which it took the lease.
	Began time.Time `json:"began"`
	// Entries is its journal in the order it was recorded, without what recovery does not need ([rollout.Append]).
	Entries []rollout.Entry `json:"journal,omitempty"`
}
