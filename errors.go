package deploy

import (
	"errors"
	"fmt"
	"io"

	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/report"
)

var (
	// ErrUsage is the error of an invalid request or declaration. Nothing was changed.
	ErrUsage = errors.New("wrong usage")
	// ErrUnfinished is the error of a run that rolled its release out to every instance, but failed in a later step,
	// such as moving the tag that new instances pull.
	ErrUnfinished = errors.New("the rollout is complete, but not what follows it")
	// ErrFleet is the error of an environment whose fleet cannot be read from its source. Nothing was changed.
	ErrFleet = errors.New("the fleet cannot be read")
	// ErrNotConfirmed is the error of a run that Options.Confirm refused. Nothing was changed.
	ErrNotConfirmed = errors.New("not confirmed: nothing was touched")
	// ErrOtherRepository is the error of a release whose image is in another repository than the environment's.
	ErrOtherRepository = errors.New("the image is of another repository")
)

// usageError is an ErrUsage with a text of its own.
type usageError struct{ text string }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func (e *usageError) Error() string        { return e.text }
func (e *usageError) Is(target error) bool { return target == ErrUsage }

// fleetError is an ErrFleet with the text of the fleet's source.
type fleetError struct{ err error }

func (e *fleetError) Error() string        { return e.err.Error() }
func (e *fleetError) Unwrap() error        { return e.err }
func (e *fleetError) Is(target error) bool { return target == ErrFleet }

// ExitCode returns the exit code for what a method returned. The package's documentation lists the codes.
func ExitCode(result report.Document, err error) int {
	code := result.Outcome.ExitCode()
	switch {
	case errors.Is(err, ErrUsage):
		return 2
	case err == nil:
		return 0
	case code > 1:
		return code
	case errors.Is(err, ErrUnfinished):
		return 7
	default:
		return 1
	}
}

// Exit writes the error to w as one line, if there is one, and returns the exit code.
func Exit(w io.Writer, result report.Document, err error) int {
	if err != nil {
		fmt.Fprintf(w, "Error: %s\n", report.Clean(oneline.Error(err).Error()))
	}
	return ExitCode(result, err)
}
