package rollout

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type loggedError struct {
	lines []string
	cause error
}

func (e loggedError) Error() string      { return "exited" }
func (e loggedError) LogLines() []string { return e.lines }
func (e loggedError) Unwrap() error      { return e.cause }

func TestLogLines(t *testing.T) {
	assert.Empty(t, logLines(nil))
	assert.Empty(t, logLines(errors.New("a")))
	one, two := loggedError{lines: []string{"a", "b"}}, loggedError{[]string{"c"}, loggedError{lines: []string{"d"}}}
	assert.Equal(t, []string{"a", "b"}, logLines(fmt.Errorf("prove: %w", one)))
	assert.Equal(t, []string{"a", "b", "c", "d"}, logLines(fmt.Errorf("prove: %w, and undo: %w", one, errors.Join(errors.New("e"), two))))
}

func TestAFailedStepHasItsLogBesideItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.faults["prove/i-1"] = fault{err: loggedError{lines: []string{"a", "b"}}, times: 1}
		c := w.config()
		var failed []Event
		c.Observe = func(e Event) {
			if e.Kind == StepFailed {
				failed = append(failed, e)
			}
		}
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "exited")
		require.Len(t, failed, 1)
		assert.Equal(t, []string{"a", "b"}, failed[0].Log)
		assert.Equal(t, []string{"a", "b"}, result.Instances[0].Log)
	})
}
