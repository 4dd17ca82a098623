//go:build !linux

package rollout

import "time"

// sinceBoot returns zero, because only Linux has a portable clock that goes on while the machine sleeps.
func sinceBoot() time.Duration { return 0 }
