package upkeep

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/internal/console"
)

// Test runs tests, and simulates rollouts in which anything can fail.
type Test mg.Namespace

// testTimeout bounds the tests of one package. Those that run Terraform do so dozens of times, which takes a busy machine
// with two cores a quarter of an hour.
const testTimeout = "-timeout=40m"

// parallelTests is the number of parallel tests of a package. The long ones mostly wait for a load balancer, so that
// one per core would leave the cores idle.
const parallelTests = "-parallel=4"

// All runs all tests of all modules, with the race detector if it is available (short: mage test).
func (Test) All(ctx context.Context) (err error) {
	defer console.CleanError(&err)
	for _, module := range modules() {
		if err := inModule(module, append([]string{"test"}, append(race(), testTimeout, parallelTests, "./...")...)...); err != nil {
			return err
		}
	}
	return simulate(ctx, "SIM_SEEDS="+strconv.Itoa(simVolume))
}

// race returns the flag of the race detector. On Linux that needs a C compiler, which a machine with only Go does not
// have.
func race() []string {
	if runtime.GOOS == "linux" {
		if _, err := exec.LookPath("gcc"); err != nil {
			console.Printf("race detector off: it needs gcc on Linux\n")
			return nil
		}
	}
	return []string{"-race"}
}

// E2E deploys to hosts with OpenSSH servers and Docker engines of their own, on Linux as root.
func (Test) E2E(
	// only the tests whose names match; default all
	run *string,
) (err error) {
	defer console.CleanError(&err)
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program that the tests run: %w", err)
	}
	// The tests mostly wait, so that as many as there are fit on two processors.
	args := []string{"test", "-count=1", "-timeout=15m", "-parallel=16", "-v"}
	if run != nil {
		args = append(args, "-run="+*run)
	}
	tests := exec.Command("go", append(args, "./e2e")...)
	tests.Env = append(os.Environ(), "E2E=1", "E2E_TARGETS="+self)
	if err := console.Run(tests); err != nil {
		return fmt.Errorf("go %v: %w", tests.Args[1:], err)
	}
	return nil
}
