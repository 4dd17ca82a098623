package sandbox

import (
	"context"
	"maps"
	"time"
)

// slowStartAt is how long a slow release takes to listen, at AWS's pace: a third
// of the default policy's time to prove itself.
const slowStartAt = 20 * time.Second

func (e *Environment) badImage(ctx context.Context) error {
	return e.pushFaulty(ctx, "exit")
}

func (e *Environment) leakyImage(ctx context.Context) error {
	return e.pushFaulty(ctx, "leak")
}

func (e *Environment) neverHealthy(ctx context.Context) error {
	return e.pushFaulty(ctx, "unhealthy")
}

func (e *Environment) slowStart(ctx context.Context) error {
	delay := time.Duration(float64(slowStartAt) / e.opts.Factor)
	return e.pushFaulty(ctx, "slow", "DELAY="+delay.String())
}

// helper is the faulty program in an image.
const helper = "/faulty"

// pushFaulty pushes another image as release V2, whose program is faulty.
func (e *Environment) pushFaulty(ctx context.Context, kind string, env ...string) error {
	r, err := e.release(ctx, e.V2)
	if err == nil {
		err = e.spoil(ctx, &r, kind, env...)
	}
	if err == nil {
		_, err = e.push(ctx, r, e.V2, "latest")
	}
	return err
}

// spoil makes the faulty program the release's own.
func (e *Environment) spoil(ctx context.Context, r *release, kind string, env ...string) error {
	r.entrypoint, r.env = helper, append(env, "FAULT="+kind)
	return e.addHelper(ctx, r)
}

// addHelper adds the faulty program to the release's files.
func (e *Environment) addHelper(ctx context.Context, r *release) error {
	program, err := e.faultyProgram(ctx)
	if err != nil {
		return err
	}
	r.files = maps.Clone(r.files)
	r.files[helper] = program
	return nil
}

// faultyProgram compiles the faulty program once.
func (e *Environment) faultyProgram(ctx context.Context) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.faulty != nil {
		return e.faulty, nil
	}
	program, err := buildFaulty(ctx, e.dir)
	e.faulty = program
	return program, err
}
