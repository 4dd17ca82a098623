package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

const images = "/var/lib/docker"

// diskFull deploys to two hosts that cannot take the image: one says so before
// the pull, the other in the midst of it. Nothing is taken from either.
func (f *fleet) diskFull(t *testing.T) {
	f.publish(t, "v3")
	f.hosts[0].fillDisk(t)
	defer f.hosts[0].emptyDisk(t)
	f.hosts[1].spendInodes(t)
	defer f.hosts[1].remount(t, "nr_inodes=1m")
	var r *run
	requireNoneFailed(t, f.load(t, func() {
		r = f.deploy(t, "v3")
		require.Equal(t, 1, r.end(t), "nothing was touched")
	}))
	assert.Contains(t, r.said(), "disk too full")
	assert.Contains(t, r.said(), "no space left on device")
	f.requireUntouched(t, r)
	f.assertServes(t, "v2")
}

// requireUntouched wants a run that did nothing but prepare.
func (f *fleet) requireUntouched(t *testing.T, r *run) {
	t.Helper()
	document := r.document(t)
	require.Equal(t, "refused", string(document.Outcome), "%s", r.said())
	require.Len(t, document.Instances, len(f.hosts))
	for _, i := range document.Instances {
		for _, step := range i.Steps {
			require.Equal(t, rollout.StepPrepare, step.Name, "%s: %s", i.ID, r.said())
		}
	}
}

// fillDisk leaves 100 MiB of the images' disk.
func (h *host) fillDisk(t *testing.T) {
	t.Helper()
	var disk syscall.Statfs_t
	require.NoError(t, syscall.Statfs(h.path(images), &disk))
	free := int64(disk.Bavail) * int64(disk.Bsize)
	require.NoError(t, command(fmt.Sprintf("fallocate -l %d %s", free-100<<20, h.path(images+"/filler"))))
}

func (h *host) emptyDisk(t *testing.T) {
	t.Helper()
	assert.NoError(t, os.Remove(h.path(images+"/filler")))
}

// spendInodes leaves room for many bytes and for three more files.
func (h *host) spendInodes(t *testing.T) {
	t.Helper()
	var disk syscall.Statfs_t
	require.NoError(t, syscall.Statfs(h.path(images), &disk))
	h.remount(t, fmt.Sprintf("nr_inodes=%d", disk.Files-disk.Ffree+3))
}

func (h *host) remount(t *testing.T, option string) {
	t.Helper()
	assert.NoError(t, command(h.enter("mount -o remount,"+option+" "+images)))
}

// enter is a command line that runs on the host.
func (h *host) enter(line string) string {
	return strings.Join([]string{"nsenter --target", fmt.Sprint(h.init), "--net --mount --pid --uts --root --wd=/", line}, " ")
}
