package infra_test

import (
	"os/exec"
	"testing"
)

// needs skips a test where a program is missing.
func needs(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not on PATH", program)
	}
	return path
}
