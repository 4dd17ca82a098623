package targets

import (
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy"
)

// TestWithoutAServiceNothingRuns checks that every target that needs the service fails with the line to add to the
// magefile, and exit code 2.
func TestWithoutAServiceNothingRuns(t *testing.T) {
	require.Nil(t, declared)
	ctx := t.Context()
	for name, run := range map[string]func() error{
		"deploy:to": func() error {
			return Deploy{}.To(ctx, "live", nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil)
		},
		"deploy:heal":    func() error { return Deploy{}.Heal(ctx, "live", nil, nil, nil, nil) },
		"deploy:history": func() error { return Deploy{}.History(ctx, "live", nil, nil) },
		"infra:plan":     func() error { return Infra{}.Plan(ctx, "live") },
		"infra:output":   func() error { return Infra{}.Output(ctx, "live") },
		"infra:apply":    func() error { return Infra{}.Apply(ctx, "shared", nil, nil, nil, nil, nil) },
		"env:check":      Env{}.Check,
		"env:seal":       func() error { return Env{}.Seal(nil) },
		"sandbox:run":    func() error { return Sandbox{}.Run(ctx, nil, nil, nil, nil, nil) },
		"build":          func() error { return Build(ctx, nil) },
	} {
		err := run()
		require.ErrorContains(t, err, "write `var _ = targets.Use(deploy.Service{…})` into the magefile", name)
		assert.Equal(t, 2, mg.ExitStatus(err), name)
	}
}

func TestASecondServicePanics(t *testing.T) {
	declared = &deploy.Service{Name: "orders-api"}
	t.Cleanup(func() { declared = nil })
	assert.PanicsWithValue(t, `targets.Use declares a second service, "invoices": there is "orders-api" already`, func() {
		Use(deploy.Service{Name: "invoices"})
	})
}

// TestADeclarationThatMakesNoSense is refused as wrong usage by all targets, those of the sandbox included.
func TestADeclarationThatMakesNoSense(t *testing.T) {
	declared = &deploy.Service{Name: "orders-api"}
	t.Cleanup(func() { declared = nil })
	for name, run := range map[string]func() error{
		"deploy:heal": func() error { return Deploy{}.Heal(t.Context(), "live", nil, nil, nil, nil) },
		"sandbox:run": func() error { return Sandbox{}.Run(t.Context(), nil, nil, nil, nil, nil) },
		"sandbox:up":  func() error { return Sandbox{}.Up(t.Context(), nil, nil, nil, nil, nil, nil) },
	} {
		err := run()
		require.ErrorContains(t, err, "it has no environments", name)
		assert.Equal(t, 2, mg.ExitStatus(err), name)
	}
}
