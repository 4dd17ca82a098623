package growl_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if folder, err := scratch(); err == nil {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// scratch is the folder of what the tests share.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "growl-targets-") })

// compiled is the targets' program, compiled once as the workflows do.
var compiled = sync.OnceValues(func() (string, error) {
	folder, err := scratch()
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "deploy-targets")
	compile := exec.Command("go", "tool", "mage", "-compile", program)
	compile.Dir = "../.."
	if out, err := compile.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the targets: %w: %s", err, out)
	}
	return program, nil
})

func compileTargets(t *testing.T) string {
	t.Helper()
	program, err := compiled()
	require.NoError(t, err)
	return program
}
