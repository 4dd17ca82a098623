package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// labPrefix begins the name of every lab's folder.
const labPrefix = "growl-e2e-"

// cgroupParent is where the lab's engines put their containers' cgroups: with the
// lab's folder, the one thing that the kernel does not take away with the lab.
func cgroupParent() string { return "/" + filepath.Base(os.Getenv(labVariable)) }

// labFolder is where labs have their folders: inside of one, beside it.
func labFolder() string {
	if lab := os.Getenv(labVariable); lab != "" {
		return filepath.Dir(lab)
	}
	return os.TempDir()
}

// makeLab makes a lab's folder. It is the lab's for as long as this process keeps
// the file open: then nobody sweeps it.
func makeLab() (dir string, held *os.File, err error) {
	if dir, err = os.MkdirTemp("", labPrefix); err != nil {
		return "", nil, err
	}
	if held, err = os.Open(dir); err != nil {
		return "", nil, err
	}
	return dir, held, syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// lives reports whether the process that made a lab does.
func lives(lab string) bool {
	held, err := os.Open(filepath.Join(labFolder(), lab))
	if err != nil {
		return false
	}
	defer held.Close()
	return syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}

// sweep removes the folders and cgroups of labs that are over, also of those that
// were killed.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(labFolder(), labPrefix+"*"))
	groups := cgroups(labPrefix + "*")
	slices.Reverse(groups) // inner ones first
	for _, path := range append(left, groups...) {
		if !lives(labPrefix + between(path, labPrefix, "/")) {
			_ = os.Remove(path)
		}
	}
}

// between is what stands in a text after one mark and before the next.
func between(text, after, before string) string {
	_, text, _ = strings.Cut(text, after)
	text, _, _ = strings.Cut(text, before)
	return text
}

// cgroups are the cgroups of labs, in every hierarchy, outer ones first.
func cgroups(lab string) (all []string) {
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		parents, _ := filepath.Glob(filepath.Join(hierarchy, lab))
		for _, parent := range parents {
			_ = filepath.WalkDir(parent, func(path string, entry fs.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					all = append(all, path)
				}
				return nil
			})
		}
	}
	return all
}

// awaitNothing waits until nothing of a lab is left, and says what is after a
// while in which the kernel should have come to it.
func awaitNothing(dir string) error {
	soon := time.After(10 * time.Second)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		sweep()
		left := leftovers(dir)
		if left == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-soon:
			return left
		}
	}
}

// leftovers says what is left of a lab: processes, mounts, its folder and
// its cgroups. A network is gone with the last process in it.
func leftovers(dir string) error {
	var left []error
	add := func(format string, args ...any) { left = append(left, fmt.Errorf(format, args...)) }
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if environ, _ := os.ReadFile(file); bytes.Contains(environ, []byte(labVariable+"="+dir)) {
			add("process %s", filepath.Base(filepath.Dir(file)))
		}
	}
	if mounts, _ := os.ReadFile("/proc/self/mounts"); strings.Contains(string(mounts), dir) {
		add("mounts below %s", dir)
	}
	if _, err := os.Lstat(dir); err == nil {
		add("folder %s", dir)
	}
	if groups := cgroups(filepath.Base(dir)); len(groups) > 0 {
		add("cgroups %v", groups)
	}
	return errors.Join(left...)
}

// holdVariable makes TestHeldLab hold its lab.
const holdVariable = "E2E_HOLD"

// TestHeldLab is the lab that TestKilledLab kills.
func TestHeldLab(t *testing.T) {
	needLab(t)
	if os.Getenv(holdVariable) == "" {
		t.Skip("runs for TestKilledLab")
	}
	startHost(t, rollout.Instance{ID: "i-0b", Name: "held", Address: "10.77.0.10"}, "").awaitUp(t)
	fmt.Println("held in", os.Getenv(labVariable))
	select {}
}

// TestKilledLab ends the process outside of a lab as nobody can prevent, and looks
// for what is left when the next one has swept.
func TestKilledLab(t *testing.T) {
	needLab(t)
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	lab := exec.Command(self, "-test.run=^TestHeldLab$", "-test.v")
	lab.Env = append(os.Environ(), labVariable+"=", holdVariable+"=1", "TMPDIR="+labFolder())
	lab.Stderr = os.Stderr
	output, err := lab.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, lab.Start())
	dir := ""
	for lines := bufio.NewScanner(output); dir == "" && lines.Scan(); {
		_, dir, _ = strings.Cut(lines.Text(), "held in ")
	}
	seen := leftovers(dir)
	require.NoError(t, lab.Process.Kill())
	_ = lab.Wait()
	require.NotEmpty(t, dir, "the lab did not come up")
	require.ErrorContains(t, seen, "process", "a living lab is not seen")
	require.ErrorContains(t, seen, "folder")
	require.NoError(t, awaitNothing(dir))
}
