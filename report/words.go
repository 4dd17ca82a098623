package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// short formats a duration for people: "3.2s", "41s", "1m12s".
func short(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

// since returns the time from one moment to another; zero if either is unknown.
func since(from, to time.Time) time.Duration {
	if from.IsZero() || to.Before(from) {
		return 0
	}
	return to.Sub(from)
}

// percent returns how much of a pull is done, 0 to 100.
func percent(p rollout.Progress) int {
	if p.Total <= 0 || p.Done <= 0 {
		return 0
	}
	return int(100 * min(float64(p.Done)/float64(p.Total), 1))
}

func megabytes(n int64) string {
	if n < 10_000_000 {
		return fmt.Sprintf("%.1f MB", float64(max(n, 0))/1e6)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

// reason returns why a step failed as one harmless line, with the container's last log lines.
func reason(e rollout.Event) string {
	if e.Err == nil {
		return "no reason given"
	}
	return Clean(withLog(e.Err.Error(), e.Log))
}

// failure returns why an instance failed, with its container's last log lines.
func failure(i rollout.InstanceResult) string { return Clean(withLog(i.Error, i.Log)) }

func withLog(text string, lines []string) string {
	if len(lines) == 0 {
		return text
	}
	return text + "; its log ends: " + strings.Join(lines, " | ")
}
