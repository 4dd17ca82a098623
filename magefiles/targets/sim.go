package targets

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/magefile/mage/mg"
)

// Test runs tests, and stories of what may go wrong.
type Test mg.Namespace

// simVolume is how many stories mage test tells without the race detector.
const simVolume = 10000

// All runs all tests of both modules, with the race detector where it can be had (short: mage test).
func (Test) All(ctx context.Context) error {
	for _, module := range []string{".", "growl-backend"} {
		if err := inModule(module, "go", append([]string{"test"}, append(race(), "-timeout=20m", "./...")...)...); err != nil {
			return err
		}
	}
	return simulate(ctx, "SIM_SEEDS="+strconv.Itoa(simVolume))
}

// Sim tells stories of rollouts in which anything goes wrong, and checks that no instance is lost.
func (Test) Sim(ctx context.Context,
	// how many stories; default 10000
	seeds *int,
	// file to write raw counts to, as JSON
	report *string,
	// way to break the engine on purpose, which the stories must catch
	mutate *string,
) error {
	env, err := simSettings(seeds, report, mutate)
	if err != nil {
		return err
	}
	return simulate(ctx, env...)
}

// simSettings are the target's flags as the simulation reads them.
func simSettings(seeds *int, report, mutate *string) ([]string, error) {
	n := simVolume
	if seeds != nil {
		n = *seeds
	}
	if n < 1 {
		return nil, usage("-seeds=%d: want 1 or more", n)
	}
	env := []string{"SIM_SEEDS=" + strconv.Itoa(n), "SIM_MUTATE=" + value(mutate, "", "")}
	if report == nil {
		return env, nil
	}
	file, err := filepath.Abs(*report) // tests run in their package's folder
	if err != nil {
		return nil, fmt.Errorf("locate the report %s: %w", *report, err)
	}
	return append(env, "SIM_REPORT="+file), nil
}

// simulate runs the simulation, and nothing else, without the race detector: it
// is the volume that finds what is rare.
func simulate(ctx context.Context, env ...string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=0", "-run=^TestSim$", "./rollout")
	cmd.Env, cmd.Stdout, cmd.Stderr = append(append(os.Environ(), "SIM_SEED="), env...), os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("simulate with %v: %w", env, err)
	}
	return nil
}
