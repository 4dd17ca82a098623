package ledger

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// The version of each object's form. A program refuses a version that it does not know, because it must not act on what
// it understands by half.
const (
	// documentVersion 3 names the duration of each intent. Programs that know version 2 alone refuse it.
	documentVersion = 3
	// versionWithoutDurations is the version before. It is read, and replaced by the first write.
	versionWithoutDurations = 2
	// markerVersion is the version of the marker at a key of before that the ledger was moved. Programs that know version 1
	// alone refuse it.
	markerVersion = 2
	// versionOfBefore was written by programs that used the environment alone as the key.
	versionOfBefore = 1
	recordVersion   = 1
)

// document is the object SERVICE/ENV/current, which holds the lease and the journal. At a key of before it is of version
// 1, or it is the marker that the ledger was moved.
type document struct {
	Format int `json:"version"`
	// Write is an ID of this write. It shows whether a write was applied although its response was an error, and two writes
	// of equal content have different ETags.
	Write       string `json:"write"`
	Service     string `json:"service,omitempty"`
	Environment string `json:"environment"`
	// Moved is the key that the ledger was moved to. Only a marker has one, and it has nothing else.
	Moved string `json:"moved,omitempty"`
	// Registered is the store's time at which the outcome of the last registration of targets was recorded.
	Registered time.Time `json:"registered,omitzero"`
	// Lease is nil when nobody holds it.
	Lease *lease `json:"lease,omitempty"`
	// Unfinished are the runs that ended without a result, oldest first.
	Unfinished []Run `json:"unfinished,omitempty"`
	// Finished are records that are not in the history yet. They are not decoded, so that fields which a later program adds
	// are not lost.
	Finished []json.RawMessage `json:"finished,omitempty"`

	// registers is set if an entry was added that finishes a registration. It is not written.
	registers bool
}

// lease belongs to the run that holds the environment. It ends Seconds, and clockMargin, after the object was last written.
type lease struct {
	// ID is random, because a run ID may be chosen by a person.
	ID      string `json:"id"`
	Seconds int    `json:"seconds"`
	Run
}

// ends returns when a lease ends that was last written at the given time.
func (l *lease) ends(modified time.Time) time.Time {
	return modified.Add(time.Duration(l.Seconds)*time.Second + clockMargin)
}

// record is the object SERVICE/ENV/history/RUN.
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

// newID returns 64 random bits.
func newID() string {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(random)
}

// retire moves the run that holds the lease to the unfinished ones, unless it recorded nothing, because it changed
// nothing then.
func (d *document) retire() {
	if d.Lease == nil {
		return
	}
	if len(d.Lease.Entries) > 0 {
		d.Unfinished = merge(append(slices.Clip(d.Unfinished), d.Lease.Run))
	}
	d.Lease = nil
}
