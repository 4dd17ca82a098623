package rollout

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// NewID returns the ID of a run that begins now. IDs sort by time.
func NewID(now time.Time) string {
	random := make([]byte, 2)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random)
}
