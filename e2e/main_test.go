package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// labVariable names the folder of the lab to the process inside of it.
const labVariable = "E2E_LAB"

// TestMain runs the tests in a lab: the same program once more, in namespaces of
// its own. Where there can be none, every test skips.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(labVariable) != "":
		if err := openLab(os.Getenv(labVariable)); err != nil {
			fmt.Fprintln(os.Stderr, "open the lab:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	case missing() != "":
		os.Exit(m.Run())
	default:
		os.Exit(enterLab())
	}
}

// needLab skips outside of a lab.
func needLab(t testing.TB) {
	t.Helper()
	if os.Getenv(labVariable) == "" {
		t.Skip(missing())
	}
}

// missing says what a lab needs and is not here; empty when all is.
func missing() string {
	switch {
	case os.Getenv("E2E") != "1":
		return "takes minutes, and the machine's root: set E2E=1, or run mage test:e2e"
	case runtime.GOOS != "linux":
		return "needs Linux's namespaces: this is " + runtime.GOOS
	case os.Getuid() != 0:
		return "needs root, for namespaces, networks and Docker engines of its own"
	}
	var absent []string
	for _, need := range [][2]string{
		{"sshd", "openssh-server"}, {"ssh-keygen", "openssh-client"},
		{"dockerd", "docker.io"}, {"docker", "docker.io (or docker-cli)"}, {"iptables", "iptables"},
		{"ip", "iproute2"}, {"unshare", "util-linux"}, {"git", "git"}, {"bash", "bash"},
	} {
		if !installed(need[0]) {
			absent = append(absent, fmt.Sprintf("%s (package %s)", need[0], need[1]))
		}
	}
	if len(absent) > 0 {
		return "needs " + strings.Join(absent, ", ")
	}
	return ""
}

// installed reports whether there is such a program, also where only root looks.
func installed(program string) bool {
	for _, name := range []string{program, "/usr/sbin/" + program, "/sbin/" + program} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}

// enterLab runs this program in a lab and returns its exit code. The lab ends
// when its first process does, which ends when this one is gone. What it leaves
// is a failure.
func enterLab() int {
	sweep()
	dir, held, err := makeLab()
	if err != nil {
		fmt.Fprintln(os.Stderr, "make the lab's folder:", err)
		return 1
	}
	code := runLab(dir)
	_ = held.Close() // to be swept
	if left := awaitNothing(dir); left != nil {
		fmt.Fprintln(os.Stderr, "the lab is over and left", left)
		return max(code, 1)
	}
	return code
}

// runLab runs this program in a lab in a folder.
func runLab(dir string) int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "find the test's program:", err)
		return 1
	}
	lab := exec.Command("unshare", append([]string{
		"--fork", "--kill-child", "--pid", "--mount-proc", "--net", "--uts", "--", self}, os.Args[1:]...)...)
	lab.Env = append(os.Environ(), labVariable+"="+dir, "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	lab.Stdout, lab.Stderr = os.Stdout, os.Stderr
	leash, err := lab.StdinPipe()
	if err == nil {
		defer leash.Close()
		err = lab.Run()
	}
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		fmt.Fprintln(os.Stderr, "enter the lab:", err)
		return 1
	}
	return lab.ProcessState.ExitCode()
}

// openLab makes the lab's folder a file system in memory, for all temporary
// files too, and its bridge. The lab is over when the program outside of it is.
func openLab(dir string) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return err
	}
	// What is here only for the kernels that have it: networks made in here have
	// tables of connections of their own, as large as a machine's of 4 GB.
	_ = os.WriteFile("/proc/sys/net/ipv4/tcp_child_ehash_entries", []byte("32768"), 0o600)
	for _, line := range []string{
		"mount -t tmpfs -o mode=755 tmpfs " + dir,
		"ip link set lo up",
		// With an address of its own: otherwise it has that of one of its ports, and
		// another one when that host is gone.
		"ip link add " + bridge + " address 02:00:0a:4d:00:01 type bridge",
		"ip address add " + gateway + prefix + " dev " + bridge,
		"ip link set " + bridge + " up",
	} {
		if err := command(line); err != nil {
			return err
		}
	}
	return nil
}

// command runs a command line without quotes.
func command(line string) error {
	words := strings.Fields(line)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(string(out)))
	}
	return nil
}
