package remote

import (
	"cmp"
	"context"
)

// await returns what work does, or that ctx has ended, whichever is first. Work
// that cannot be interrupted goes on until its connection ends; what it brings
// then goes to late, unless that is nil.
func await[T any](ctx context.Context, work func() (T, error), late func(T)) (T, error) {
	return awaitOn(ctx, ctx, func(f func()) { go f() }, work, late)
}

// awaitOn is await of work that run has done beside its caller. It ends with life too,
// without a context made of both: there are thousands of looks in a large run.
func awaitOn[T any](ctx, life context.Context, run func(func()), work func() (T, error), late func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if err := cmp.Or(ctx.Err(), life.Err()); err != nil {
		return none, err
	}
	done := make(chan result, 1)
	run(func() {
		value, err := work()
		done <- result{value, err}
	})
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	case <-life.Done():
	}
	if late != nil {
		go func() {
			if r := <-done; r.err == nil {
				late(r.value)
			}
		}()
	}
	return none, cmp.Or(ctx.Err(), life.Err())
}

// awaitEnd is await of work that brings nothing.
func awaitEnd(ctx context.Context, work func() error) error {
	_, err := await(ctx, func() (struct{}, error) { return struct{}{}, work() }, nil)
	return err
}
