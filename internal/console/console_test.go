package console

import (
	"errors"
	"fmt"
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCleanError(t *testing.T) {
	cause := errors.New("AccessDenied: \x1b[2J##[error]no\n::add-mask::a\u202eb")
	clean := func(err error) error { CleanError(&err); return err }
	err := clean(mg.Fatal(3, fmt.Errorf("describe: %w", cause)))
	assert.Equal(t, "describe: AccessDenied:  ## [error]no\n: :add-mask::a b", fmt.Sprintf("%+v", err))
	assert.Equal(t, 3, mg.ExitStatus(err))
	err = clean(fmt.Errorf("describe: %w", cause))
	assert.Equal(t, 1, mg.ExitStatus(err))
	require.ErrorIs(t, err, cause)
	assert.NoError(t, clean(nil))
}
