// Package magetest compiles this repository's mage targets for tests that run them as people do.
package magetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Main runs the tests of a package that calls [Program], and removes the program after them:
//
//	func TestMain(m *testing.M) { os.Exit(magetest.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	if folder, err := scratch(); err == nil {
		_ = os.RemoveAll(folder)
	}
	return code
}

// Program returns the file of the compiled targets. The first call compiles them, as the workflows do.
func Program(tb testing.TB) string {
	tb.Helper()
	program, err := compiled()
	if err != nil {
		tb.Fatal(err)
	}
	return program
}

// Environ returns an environment for a process that shares nothing with others of its kind: this process's, without its
// variables of AWS, SSH, a CI job and a deploy, and with more.
func Environ(more ...string) []string {
	own := slices.DeleteFunc(os.Environ(), func(line string) bool {
		return slices.ContainsFunc([]string{"AWS_", "GITHUB_", "SSH_", "DEPLOY_", "FLEET=", "IMAGE_TAG="}, func(prefix string) bool {
			return strings.HasPrefix(line, prefix)
		})
	})
	return slices.Concat(own, []string{"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull}, more)
}

// Sourced returns the variables that a shell has after a line, such as the one that sandbox:up prints.
func Sourced(tb testing.TB, line string) map[string]string {
	tb.Helper()
	shell := exec.Command("sh", "-c", line+"\nenv -0")
	shell.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := shell.Output()
	if err != nil {
		tb.Fatalf("run %q in a shell: %v", line, err)
	}
	vars := map[string]string{}
	for variable := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		vars[name] = value
	}
	for _, own := range []string{"PATH", "PWD", "OLDPWD", "SHLVL", "_"} {
		delete(vars, own)
	}
	return vars
}

// scratch is the folder that the program is in.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "targets-") })

var compiled = sync.OnceValues(func() (string, error) {
	root, err := root()
	if err != nil {
		return "", err
	}
	folder, err := scratch()
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "deploy-targets")
	compile := exec.Command("go", "tool", "mage", "-compile", program)
	compile.Dir = root
	if out, err := compile.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the targets: %w: %s", err, out)
	}
	return program, nil
})

// root is the folder of the repository: the working directory of a test, or a folder above it, that has magefiles.
func root() (string, error) {
	folder, err := os.Getwd()
	for ; err == nil; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "magefiles", "magefile.go")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("find the targets: no folder above the working directory has magefiles/magefile.go")
		}
	}
	return "", err
}
