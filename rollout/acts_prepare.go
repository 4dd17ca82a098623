package rollout

import "context"

// prepare pulls the release.
func (u *instanceUpdate) prepare(ctx context.Context) (string, error) {
	return "", u.host.Prepare(ctx, u.release, func(moved Progress) {
		u.report.emit(Event{Step: StepPrepare, Kind: StepMoved, Progress: &moved})
	})
}
