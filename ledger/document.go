package ledger

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// The form of each object. A program that reads another one refuses it: half-understood state must not be acted upon.
const (
	// documentVersion 2 names the service. At a key of before it names the key that the ledger was moved to, and programs
	// that know version 1 alone refuse it.
	documentVersion = 2
	// versionOfBefore is what programs wrote whose key was the environment alone.
	versionOfBefore = 1
	recordVersion   = 1
)

// document is SERVICE/ENV/current: lease and journal in one object. At a key of before it is what was there, of
// version 1, or the marker that it was moved.
type document struct {
	Format int `json:"version"`
	// Write is this write's own ID: it tells whose a refused write was, and
	// keeps two writes of equal content from having equal ETags.
	Write       string `json:"write"`
	Service     string `json:"service,omitempty"`
	Environment string `json:"environment"`
	// Moved is the key that the ledger was moved to; only a marker has one, and it has nothing else.
	Moved string `json:"moved,omitempty"`
	// Lease is nil when nobody holds it.
	Lease *lease `json:"lease,omitempty"`
	// Unfinished are runs that ended without a word, oldest first.
	Unfinished []Run `json:"unfinished,omitempty"`
	// Finished are records on their way into the history. Raw: results may grow
	// fields that an older program need not know.
	Finished []json.RawMessage `json:"finished,omitempty"`
}

// lease is the run that holds the environment. It ends Seconds after the
// object was last written.
type lease struct {
	// ID is random: a run ID may be typed in by a person, this one may not.
	ID      string `json:"id"`
	Seconds int    `json:"seconds"`
	Run
}

// ends is when a lease ends that was last written at the given time.
func (l *lease) ends(modified time.Time) time.Time {
	return modified.Add(time.Duration(l.Seconds) * time.Second)
}

// record is SERVICE/ENV/history/RUN.
type record struct {
	Format int `json:"version"`
	Record
}

// Record is a finished run.
type Record struct {
	Holder Holder         `json:"holder"`
	Began  time.Time      `json:"began"`
	Result rollout.Result `json:"result"`
}

// newID is 64 random bits.
func newID() string {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(random)
}

// retire moves the run that holds the lease to the unfinished ones. One that
// recorded nothing did nothing.
func (d *document) retire() {
	if d.Lease == nil {
		return
	}
	if len(d.Lease.Entries) > 0 {
		d.Unfinished = merge(append(slices.Clip(d.Unfinished), d.Lease.Run))
	}
	d.Lease = nil
}
