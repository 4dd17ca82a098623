package probe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Receipt counts the results of the requests.
type Receipt struct {
	// Requests is the number of requests that were answered or failed.
	Requests int64
	// Failed is the number of requests without an answer with a status of 2xx, each counted once.
	Failed int64
	// ByError counts the failed requests by reason: "dial: refused", "reset", "eof before answer", "timeout", "status
	// 503", "bad answer", "overrun" and the like.
	ByError map[string]int64
	// LongestGap is the longest time between two consecutive good answers of all clients together, including the time
	// since the last one.
	LongestGap time.Duration
	// Answers counts the good answers by the commit that they name.
	Answers map[string]int64
	// Timeline shows when they were.
	Timeline Timeline
}

// Own returns the number of failed requests that this machine could not send. They are no evidence about the service.
func (r Receipt) Own() int64 { return r.ByError[string(overrun)] + r.ByError[string(dialOwnLimit)] }

// receiptJSON is a receipt as JSON: the gap in whole milliseconds, rounded.
type receiptJSON struct {
	Requests     int64            `json:"requests"`
	Failed       int64            `json:"failed"`
	ByError      map[string]int64 `json:"by_error"`
	LongestGapMS int64            `json:"longest_gap_ms"`
	Answers      map[string]int64 `json:"answers,omitempty"`
	Timeline     Timeline         `json:"timeline,omitzero"`
}

// MarshalJSON writes requests, failed, by_error, longest_gap_ms, answers and timeline.
func (r Receipt) MarshalJSON() ([]byte, error) {
	if r.ByError == nil {
		r.ByError = map[string]int64{}
	}
	gap := r.LongestGap.Round(time.Millisecond).Milliseconds()
	return json.Marshal(receiptJSON{r.Requests, r.Failed, r.ByError, gap, r.Answers, r.Timeline})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Receipt) UnmarshalJSON(text []byte) error {
	var j receiptJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("read receipt: %w", err)
	}
	gap := time.Duration(j.LongestGapMS) * time.Millisecond
	*r = Receipt{j.Requests, j.Failed, j.ByError, gap, j.Answers, j.Timeline}
	return nil
}

// String returns one line: "9120 requests · 0 failed · longest gap 11ms". The reasons follow the failures, the most
// frequent first.
func (r Receipt) String() string {
	failed := fmt.Sprintf("%d failed", r.Failed)
	if r.Failed > 0 {
		failed += " (" + r.reasons() + ")"
	}
	return fmt.Sprintf("%d requests · %s · longest gap %s", r.Requests, failed, r.LongestGap.Round(time.Millisecond))
}

func (r Receipt) reasons() string {
	names := slices.SortedFunc(maps.Keys(r.ByError), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.ByError[b], r.ByError[a]), strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", r.ByError[name], name)
	}
	return strings.Join(names, ", ")
}
