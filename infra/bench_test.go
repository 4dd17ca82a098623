package infra_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/infra"
)

// BenchmarkGate measures the time that the gate adds to terraform's own for the one plan. Both are run in turn.
func BenchmarkGate(b *testing.B) {
	dir, open := newSmall(b)
	require.NoError(b, open().CreateWorkspace(b.Context()))
	plan, err := open().Plan(b.Context())
	require.NoError(b, err)
	require.NoError(b, plan.Apply(b.Context()))
	require.NoError(b, plan.Close())

	var gate, own time.Duration
	for b.Loop() {
		own += timed(b, func() error { return bare(b.Context(), dir) })
		gate += timed(b, func() error { return (&infra.Gate{Environment: open()}).Check(b.Context()) })
	}
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(milliseconds(own), "terraform-ms/op")
	b.ReportMetric(milliseconds(gate), "gate-ms/op")
	b.ReportMetric(milliseconds(gate-own), "added-ms/op")
}

func timed(b *testing.B, do func() error) time.Duration {
	began := time.Now()
	require.NoError(b, do())
	return time.Since(began)
}

// bare is the plan that the gate makes, without the gate.
func bare(ctx context.Context, dir string) error {
	plan := exec.CommandContext(ctx, "terraform", "plan", "-input=false", "-lock=false", "-no-color", "-detailed-exitcode",
		"-var-file=terraform-dev.tfvars", "-out="+filepath.Join(dir, "bare-plan"))
	plan.Dir, plan.Env = dir, append(os.Environ(), "TF_DATA_DIR="+filepath.Join(dir, ".terraform", "dev"), "CHECKPOINT_DISABLE=1")
	return plan.Run()
}
