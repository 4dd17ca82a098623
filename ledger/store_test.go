package ledger_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	ledgertest.TestStore(t, func(*testing.T) (ledger.Store, ledger.Store) {
		store := &ledgertest.Memory{}
		return store, store
	})
}

func TestFolderKeepsTheContract(t *testing.T) {
	ledgertest.TestStore(t, func(t *testing.T) (ledger.Store, ledger.Store) {
		path := filepath.Join(t.TempDir(), "ledger")
		return openFolder(t, path), openFolder(t, path)
	})
}

func openFolder(t *testing.T, path string) *ledger.Folder {
	t.Helper()
	store, err := ledger.NewFolder(path)
	require.NoError(t, err)
	return store
}

func TestFolderIsForItsOwnerOnlyAndTidy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	store := openFolder(t, path)
	version := ledger.Absent
	for range 100 {
		stamp, err := store.Put(t.Context(), "dev/current", []byte("{}"), version)
		require.NoError(t, err)
		version = stamp.Version
	}
	_, err := store.Get(t.Context(), "dev/current")
	require.NoError(t, err)
	files := 0
	require.NoError(t, filepath.WalkDir(path, func(path string, entry os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		if entry.IsDir() {
			assert.Equal(t, os.FileMode(0o700), info.Mode().Perm(), path)
			return nil
		}
		files++
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
		return nil
	}))
	assert.Equal(t, 64, files, "replaced versions and temporary files are removed")
}

func TestFolderRefusesToLeaveItself(t *testing.T) {
	store := openFolder(t, t.TempDir())
	for _, key := range []string{"../x", "dev/../../x", "/etc/passwd", "", "dev//x", ".tmp-1", "dev/current\x00"} {
		_, err := store.Get(t.Context(), key)
		require.ErrorContains(t, err, "want 1 to 128 letters", key)
		_, err = store.Put(t.Context(), key, nil, ledger.Absent)
		require.ErrorContains(t, err, "want 1 to 128 letters", key)
	}
}

func TestFolderThatIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	store := openFolder(t, path)
	require.NoError(t, os.RemoveAll(path))
	_, err := store.Get(t.Context(), "dev/current")
	require.ErrorIs(t, err, ledger.ErrNoStore)
	_, err = store.Put(t.Context(), "dev/current", nil, ledger.Absent)
	require.ErrorIs(t, err, ledger.ErrNoStore)
	assert.NoDirExists(t, path, "an empty ledger in its place would let two runs in")
}

func TestFolderThatIsReadOnly(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere: run as another user to test a read-only folder")
	}
	path := t.TempDir()
	store := openFolder(t, path)
	_, err := store.Put(t.Context(), "dev/current", []byte("{}"), ledger.Absent)
	require.NoError(t, err)
	dir := filepath.Join(path, "dev", "current")
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	_, err = store.Put(t.Context(), "dev/current", []byte("{}"), "1")
	require.ErrorIs(t, err, ledger.ErrDenied)
	object, err := store.Get(t.Context(), "dev/current")
	require.NoError(t, err, "it may still be read")
	assert.Equal(t, "{}", string(object.Data))
}

func TestFolderInPlaceOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := ledger.NewFolder(path)
	require.ErrorContains(t, err, "open the ledger's folder")
}
