package sandbox

import (
	"context"
	"time"

	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

// slowStartAt is how long a slow release takes to listen, at AWS's pace: a third
// of the default policy's time to prove itself.
const slowStartAt = 20 * time.Second

func (e *Environment) badImage(ctx context.Context) error {
	return e.pushFaulty(ctx, standin.Exit)
}

func (e *Environment) leakyImage(ctx context.Context) error {
	return e.pushFaulty(ctx, standin.Leak)
}

func (e *Environment) neverHealthy(ctx context.Context) error {
	return e.pushFaulty(ctx, standin.Unhealthy)
}

func (e *Environment) slowStart(ctx context.Context) error {
	return e.pushFaulty(ctx, standin.Slow)
}

// pushFaulty pushes another image as release V2, in which a stand-in with a fault is run.
func (e *Environment) pushFaulty(ctx context.Context, fault standin.Fault) error {
	r, err := e.release(ctx, e.V2)
	if err == nil {
		err = e.addHelper(ctx, &r)
	}
	if err != nil {
		return err
	}
	if r.entrypoint != helper {
		r.standIn.Program = ".." + r.entrypoint
	}
	r.entrypoint, r.standIn.Fault = helper, fault
	r.standIn.Delay = time.Duration(float64(slowStartAt) / e.opts.Factor)
	_, err = e.push(ctx, r, e.V2, "latest")
	return err
}

// addHelper adds the stand-in to the release's programs.
func (e *Environment) addHelper(ctx context.Context, r *release) error {
	program, err := e.standInProgram(ctx)
	if err != nil {
		return err
	}
	r.files[helper] = program
	return nil
}

// standInProgram compiles the stand-in once; a hollow environment runs none.
func (e *Environment) standInProgram(ctx context.Context) ([]byte, error) {
	if e.opts.Hollow {
		return []byte("the sandbox answers for this program\n"), nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.standIn != nil {
		return e.standIn, nil
	}
	program, err := buildStandIn(ctx, e.dir)
	if err != nil {
		return nil, err
	}
	e.opts.Logf("compiled the stand-in: %d bytes", len(program))
	e.standIn = program
	return program, nil
}
