package targets

import (
	"fmt"
	"os"
	"os/exec"
)

// E2E deploys to hosts with OpenSSH servers and Docker engines of their own, on Linux as root.
func (Test) E2E(
	// only the tests whose names match; default all
	run *string,
) (err error) {
	defer cleanError(&err)
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program that the tests run: %w", err)
	}
	// The stories are waits: as many as there are fit on two processors.
	args := []string{"test", "-count=1", "-timeout=15m", "-parallel=16", "-v"}
	if run != nil {
		args = append(args, "-run="+*run)
	}
	tests := exec.Command("go", append(args, "./e2e")...)
	tests.Env = append(os.Environ(), "E2E=1", "E2E_TARGETS="+self)
	if err := runShown(tests); err != nil {
		return fmt.Errorf("go %v: %w", tests.Args[1:], err)
	}
	return nil
}
