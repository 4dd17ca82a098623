package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The package's sentinels, for errors.Is.
var (
	// ErrOtherInstance: the machine has another instance's ID.
	ErrOtherInstance = errors.New("another instance answers")
	// ErrEngine: the Docker Engine cannot be reached or is too old.
	ErrEngine = errors.New("engine unusable")
	// ErrDisk: too little disk is free.
	ErrDisk = errors.New("disk too full")
	// ErrEnvFile: the env file cannot be read or parsed.
	ErrEnvFile = errors.New("env file unusable")
	// ErrMount: a bind mount's source is not there.
	ErrMount = errors.New("mount unusable")
	// ErrPort: something that is no container of the service holds its port.
	ErrPort = errors.New("port taken")
	// ErrPull: the engine could not pull the image.
	ErrPull = errors.New("pull failed")
	// ErrImage: the image that was pulled is not the release.
	ErrImage = errors.New("image is not the release")
	// ErrNotRunning: no container of the service runs.
	ErrNotRunning = errors.New("no container runs")
	// ErrWrongCommit: the service answers with another commit.
	ErrWrongCommit = errors.New("another commit answers")
	// ErrNotProven: the container runs but did not answer as it should in time.
	ErrNotProven = errors.New("not ready")
	// ErrNoPrevious: there is no old container to put back.
	ErrNoPrevious = errors.New("no old container to put back")
)

// ExitedError is a container that was started and has ended.
type ExitedError struct {
	// Container is its name.
	Container string
	// Code is the exit code. It is also zero if the engine restarted the container and it has not ended again.
	Code int
	// Restarts is how often the engine has restarted it.
	Restarts int
	// OutOfMemory is set if the kernel killed it because of its memory.
	OutOfMemory bool
	// Reason is the engine's, if the container could not start.
	Reason string
	// Logs are its last lines, without the [Secrets] of its environment.
	Logs []string
}

// LogLines returns the container's last lines. The text of the error does not contain them.
func (e *ExitedError) LogLines() []string { return e.Logs }

// Error returns one line.
func (e *ExitedError) Error() string {
	text := fmt.Sprintf("container %s exited with code %d", e.Container, e.Code)
	if e.Restarts > 0 {
		text += fmt.Sprintf(", restarts: %d", e.Restarts)
	}
	if e.OutOfMemory {
		text += " (out of memory)"
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// struckError is an error of the engine, which may quote what was sent to it.
type struckError struct {
	error
	secrets *Secrets
}

func (e *struckError) Error() string { return e.secrets.Strike(e.error.Error()) }
func (e *struckError) Unwrap() error { return e.error }

// unprovenError is a container that was not proven in time, with its last lines.
type unprovenError struct {
	container string
	limit     time.Duration // zero: there was none
	ended     error         // why the wait ended: context.Canceled or context.DeadlineExceeded
	missing   error         // what was missing at the last check; may be nil
	logs      []string
}

// Error names what was missing, and the setting if the service's declaration may be wrong.
func (e *unprovenError) Error() string {
	text := fmt.Sprintf("%v: container %s did not answer as it should", ErrNotProven, e.container)
	if errors.Is(e.ended, context.DeadlineExceeded) && e.limit > 0 {
		text += " in " + e.limit.Round(10*time.Millisecond).String()
	} else {
		text += " until the wait was broken off"
	}
	if e.missing != nil {
		text += ": " + e.missing.Error()
	}
	return text
}

func (e *unprovenError) Unwrap() []error {
	return slices.DeleteFunc([]error{ErrNotProven, e.ended, e.missing}, func(err error) bool { return err == nil })
}

func (e *unprovenError) LogLines() []string { return e.logs }
