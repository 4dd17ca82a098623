package instance_test

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	moby "github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilesAfterFirstBoot(t *testing.T) {
	b := newBox(t)
	files := b.sftp()
	for name, want := range map[string]string{
		"/var/lib/cloud/data/instance-id": id + "\n",
		"/etc/hostname":                   id + "\n",
		"/etc/growl/backend.env":          "SECRET=x\n",
	} {
		f, err := files.Open(name)
		require.NoError(t, err, name)
		content, err := io.ReadAll(f)
		require.NoError(t, err)
		assert.Equal(t, want, string(content))
		f.Close()
	}
	info, err := files.Stat("/etc/growl/backend.env")
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	dir, err := files.Stat("/tmp/deployment-test")
	require.NoError(t, err)
	assert.True(t, dir.IsDir())
	home, err := files.Getwd()
	require.NoError(t, err)
	assert.Equal(t, "/home/ec2-user", home)
}

func TestFilesAreReplacedAtomically(t *testing.T) {
	b := newBox(t)
	files := b.sftp()
	f, err := files.OpenFile("/etc/growl/.new", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	require.NoError(t, err)
	_, err = f.Write([]byte("NEW=1\n"))
	require.NoError(t, err)
	require.NoError(t, f.Chmod(0o600))
	require.NoError(t, f.Close())
	_, err = files.OpenFile("/etc/growl/.new", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	require.Error(t, err, "exclusive")
	require.Error(t, files.Rename("/etc/growl/.new", "/etc/growl/backend.env"), "plain rename does not replace")
	require.NoError(t, files.PosixRename("/etc/growl/.new", "/etc/growl/backend.env"))
	content, err := os.ReadFile(filepath.Join(b.root, "etc/growl/backend.env"))
	require.NoError(t, err)
	assert.Equal(t, "NEW=1\n", string(content))
	require.ErrorIs(t, files.Remove("/etc/growl/.new"), os.ErrNotExist)
	require.NoError(t, files.Mkdir("/srv"))
	require.Error(t, files.Remove("/etc/growl"), "not empty")
	require.NoError(t, files.RemoveDirectory("/srv"))
	require.NoError(t, files.Truncate("/etc/growl/backend.env", 3))
	entries, err := files.ReadDir("/etc/growl")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.EqualValues(t, 3, entries[0].Size())
}

func TestNothingLeavesTheRoot(t *testing.T) {
	b := newBox(t)
	outside := filepath.Join(filepath.Dir(b.root), "outside")
	require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(b.root, "absolute")))
	require.NoError(t, os.Symlink("../outside", filepath.Join(b.root, "relative")))
	require.NoError(t, os.Symlink("..", filepath.Join(b.root, "up")))
	files := b.sftp()
	for _, name := range []string{"/absolute", "/relative", "/up/outside", "/../outside", "../../../outside", outside, "/var/../../outside"} {
		_, err := files.Open(name)
		require.Error(t, err, name)
		_, err = files.Stat(name)
		require.Error(t, err, name)
		_, err = files.OpenFile(name, os.O_WRONLY|os.O_TRUNC)
		require.Error(t, err, name)
	}
	require.Error(t, files.PosixRename("/etc/hostname", "/up/stolen"))
	require.NoError(t, files.Link("/relative", "/hard"), "of the link itself")
	_, err := files.Open("/hard")
	require.Error(t, err)
	content, err := os.ReadFile(outside)
	require.NoError(t, err)
	assert.Equal(t, "secret", string(content))

	require.NoError(t, files.Symlink("/etc/hostname", "/home/ec2-user/link"))
	f, err := files.Open("/home/ec2-user/link")
	require.NoError(t, err, "an absolute link means the instance's root")
	f.Close()
	target, err := files.ReadLink("/home/ec2-user/link")
	require.NoError(t, err)
	assert.Equal(t, "../../etc/hostname", target)
}

func TestDiskSpace(t *testing.T) {
	b := newBox(t)
	files := b.sftp()
	before, err := files.StatVFS("/")
	require.NoError(t, err)
	assert.Greater(t, before.FreeSpace(), uint64(1<<30))
	b.Engine().SetDiskFull(true)
	after, err := files.StatVFS("/var/lib/docker")
	require.NoError(t, err)
	assert.Less(t, after.FreeSpace(), uint64(10<<20))
	assert.Equal(t, before.TotalSpace(), after.TotalSpace())
}

func TestProcOfAContainer(t *testing.T) {
	b := newBox(t)
	docker := b.docker(b.dial())
	pid := strconv.Itoa(b.run(docker))
	stack, ok := b.Engine().Stack(mustAtoi(t, pid))
	require.True(t, ok)
	stack.Connect(41000, netip.MustParseAddrPort("10.0.3.4:5432"))
	var conn io.Closer
	require.Eventually(t, func() bool {
		c, err := b.Wire().Dial(t.Context(), 8080, netip.MustParseAddrPort("203.0.113.7:50123"))
		conn = c
		return err == nil
	}, waitFor, tick)
	defer conn.Close()

	files := b.sftp()
	read := func(name string) string {
		f, err := files.Open("/proc/" + pid + "/net/" + name)
		require.NoError(t, err)
		defer f.Close()
		content, err := io.ReadAll(f)
		require.NoError(t, err)
		return string(content)
	}
	assert.Contains(t, read("tcp"), "020011AC:A028 0403000A:1538 01")
	assert.Contains(t, read("tcp6"), "0000000000000000FFFF0000020011AC:1F90 0000000000000000FFFF0000077100CB:C3CB 01")
	assert.Contains(t, read("snmp"), "\nTcp: 1 200 120000 -1 1 1 0 0 2 ")

	entries, err := files.ReadDir("/proc/" + pid + "/net")
	require.NoError(t, err)
	assert.Len(t, entries, 3)
	top, err := files.ReadDir("/proc")
	require.NoError(t, err)
	assert.Equal(t, pid, top[0].Name())
	for _, name := range []string{"/proc/1/net/tcp", "/proc/" + pid + "/net/udp", "/proc/" + pid + "/environ", "/proc/x/net/tcp", "/proc/0" + pid + "/net/tcp"} {
		_, err := files.Open(name)
		require.ErrorIs(t, err, os.ErrNotExist, name)
	}
	_, err = files.OpenFile("/proc/"+pid+"/net/tcp", os.O_WRONLY)
	require.Error(t, err, "read-only")

	const client = "C3CB 01"
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return !strings.Contains(read("tcp6"), client) }, waitFor, tick)
	_, err = docker.ContainerStop(t.Context(), "growl-backend", moby.ContainerStopOptions{})
	require.NoError(t, err)
	_, err = files.Open("/proc/" + pid + "/net/tcp6")
	require.ErrorIs(t, err, os.ErrNotExist, "its process is gone")
}

func mustAtoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(s))
	require.NoError(t, err)
	return n
}
