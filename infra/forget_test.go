package infra_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/infra"
)

// TestWhatIsForgottenIsNotApplied: a removed block takes a resource out of the state and destroys nothing. Until it is
// applied the state is not as the code says.
func TestWhatIsForgottenIsNotApplied(t *testing.T) {
	dir, open := newSmall(t)
	require.NoError(t, <-applied(t, open()))
	main, err := os.ReadFile(filepath.Join(dir, "main.tf"))
	require.NoError(t, err)
	writeFile(t, filepath.Join(dir, "main.tf"), `
variable "size" { type = number }

removed {
  from = terraform_data.a
  lifecycle { destroy = false }
}
`)
	err = (&infra.Gate{Environment: open()}).Check(context.Background())
	require.ErrorIs(t, err, infra.ErrNotApplied)
	require.NotErrorIs(t, err, infra.ErrDrift)
	assert.Contains(t, err.Error(), "not applied: terraform_data.a (forget)")

	plan, err := open().Plan(context.Background())
	require.NoError(t, err)
	require.Len(t, plan.Changes, 1)
	assert.Equal(t, infra.Forget, plan.Changes[0].Action)
	assert.Empty(t, plan.Taken(), "an instance that is forgotten goes on serving")
	require.NoError(t, plan.Apply(context.Background()))
	require.NoError(t, plan.Close())
	require.NoError(t, (&infra.Gate{Environment: open()}).Check(context.Background()))

	// It is not in the state any more: the code that had it would make it once more.
	writeFile(t, filepath.Join(dir, "main.tf"), string(main))
	err = (&infra.Gate{Environment: open()}).Check(context.Background())
	require.ErrorContains(t, err, "terraform_data.a (create)")
}
