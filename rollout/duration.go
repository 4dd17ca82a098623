package rollout

import (
	"context"
	"strings"
	"time"
)

// sleep waits for d and returns nil, or returns the cause of ctx's end if ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sampleInterval returns the time between two samples of an instance's traffic: a tenth of the quiet period, because
// the end of a silence is then seen in time and sampling costs the instance little.
func sampleInterval(quiet time.Duration) time.Duration {
	return max(10*time.Millisecond, quiet/10)
}

// round makes a duration readable: whole seconds above ten seconds, hundredths of a second below.
func round(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(10 * time.Millisecond)
}

// roughly returns the text of an estimate, with no more digits than an estimate deserves.
func roughly(d time.Duration) string {
	switch {
	case d >= 10*time.Minute:
		d = d.Round(time.Minute)
	case d >= time.Minute:
		d = d.Round(10 * time.Second)
	default:
		d = round(d)
	}
	if minutes, whole := strings.CutSuffix(d.String(), "m0s"); whole {
		return minutes + "m"
	}
	return d.String()
}
