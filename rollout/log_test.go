package rollout

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

type loggedError struct {
	lines []string
	cause error
}

func (e loggedError) Error() string      { return "exited" }
func (e loggedError) LogLines() []string { return e.lines }
func (e loggedError) Unwrap() error      { return e.cause }

func TestLogLines(t *testing.T) {
	assert.Empty(t, LogLines(nil))
	assert.Empty(t, LogLines(errors.New("a")))
	one, two := loggedError{lines: []string{"a", "b"}}, loggedError{[]string{"c"}, loggedError{lines: []string{"d"}}}
	assert.Equal(t, []string{"a", "b"}, LogLines(fmt.Errorf("prove: %w", one)))
	assert.Equal(t, []string{"a", "b", "c", "d"}, LogLines(fmt.Errorf("prove: %w, and undo: %w", one, errors.Join(errors.New("e"), two))))
}
