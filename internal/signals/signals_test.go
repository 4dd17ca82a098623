package signals_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/growl-dev/deploy/internal/signals"
)

func TestTheCallersContextStillCounts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	until, stop := signals.Until(ctx)
	defer stop()
	assert.NoError(t, until.Err())
	cancel()
	assert.ErrorIs(t, until.Err(), context.Canceled)
}
