package rollout

import "context"

// prepare pulls the release, and measures the rate of an instance that is the next to leave.
func (u *instanceUpdate) prepare(ctx context.Context) (string, error) {
	if u.meter.early {
		u.meter.start(ctx)
	}
	err := u.host.Prepare(ctx, u.release, func(moved Progress) {
		u.report.emit(Event{Step: StepPrepare, Kind: StepMoved, Progress: &moved})
	})
	if err != nil || !u.meter.early {
		return "", err
	}
	return u.meter.await(ctx)
}
