package remote

import "context"

// await returns the result of work, or the error of ctx if that ends first. Work that cannot be interrupted goes on
// until its connection ends. If it still succeeds, its value is passed to late, unless late is nil.
func await[T any](ctx context.Context, work func() (T, error), late func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	done := make(chan result, 1)
	go func() {
		value, err := work()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	if late != nil {
		go func() {
			if r := <-done; r.err == nil {
				late(r.value)
			}
		}()
	}
	return none, ctx.Err()
}

// awaitEnd is await for work without a value.
func awaitEnd(ctx context.Context, work func() error) error {
	_, err := await(ctx, func() (struct{}, error) { return struct{}{}, work() }, nil)
	return err
}
