package upkeep

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/growl-dev/deploy/internal/console"
)

// simVolume is the number of rollouts that mage test simulates, without the race detector.
const simVolume = 10000

// Sim simulates rollouts in which anything can fail, and checks that no instance is lost.
func (Test) Sim(ctx context.Context,
	// how many rollouts, of the seeds from 1 on; default 10000
	seeds *int,
	// simulate this seed alone, and print it line by line
	seed *int,
	// file to write raw counts to, as JSON
	report *string,
	// way to break the engine on purpose, which has to make the target fail
	mutate *string,
) (err error) {
	defer console.CleanError(&err)
	env, err := simSettings(seeds, seed, report, mutate)
	if err != nil {
		return err
	}
	return simulate(ctx, env...)
}

// simSettings returns the target's flags as environment variables of the simulation.
func simSettings(seeds, seed *int, report, mutate *string) ([]string, error) {
	var env []string
	switch {
	case seeds != nil && seed != nil:
		return nil, console.Usage("-seeds=%d -seed=%d: want one of them", *seeds, *seed)
	case seed != nil && *seed < 0:
		return nil, console.Usage("-seed=%d: want 0 or more", *seed)
	case seed != nil:
		env = append(env, "SIM_SEED="+strconv.Itoa(*seed))
	case seeds != nil && *seeds < 1:
		return nil, console.Usage("-seeds=%d: want 1 or more", *seeds)
	case seeds != nil:
		env = append(env, "SIM_SEEDS="+strconv.Itoa(*seeds))
	default:
		env = append(env, "SIM_SEEDS="+strconv.Itoa(simVolume))
	}
	if mutate != nil {
		if err := checkMutant(*mutate); err != nil {
			return nil, err
		}
		env = append(env, "SIM_MUTATE="+*mutate)
	}
	if report == nil {
		return env, nil
	}
	file, err := filepath.Abs(*report) // tests run in their package's folder
	if err != nil {
		return nil, fmt.Errorf("locate the report %s: %w", *report, err)
	}
	return append(env, "SIM_REPORT="+file), nil
}

// mutantList is the file with the names of the mutants that the simulation can make of the engine.
const mutantList = "rollout/testdata/mutants.txt"

func checkMutant(name string) error {
	list, err := os.ReadFile(mutantList)
	if err != nil {
		return fmt.Errorf("read the list of mutants: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(list)) {
		known, _, _ := strings.Cut(line, " ")
		names = append(names, known)
	}
	if !slices.Contains(names, name) {
		return console.Usage("unknown mutant %q: want one of %s", name, strings.Join(names, ", "))
	}
	return nil
}

// simulate runs only the simulation, without the race detector, because a large number of rollouts finds rare faults.
func simulate(ctx context.Context, env ...string) error {
	args := []string{"test", "-count=1", "-timeout=0", "-run=^TestSim$"}
	if strings.HasPrefix(env[0], "SIM_SEED=") {
		args = append(args, "-v")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./rollout")...)
	outside := slices.DeleteFunc(os.Environ(), func(line string) bool { return strings.HasPrefix(line, "SIM_") })
	cmd.Env = append(outside, env...)
	if err := console.Run(cmd); err != nil {
		return fmt.Errorf("simulate with %s: %w", strings.Join(env, " "), err)
	}
	return nil
}
