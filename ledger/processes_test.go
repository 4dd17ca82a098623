package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
)

// countFolder names the folder in which this test binary, started again, counts.
const countFolder = "LEDGER_TEST_COUNT_FOLDER"

const counts = 100

func TestMain(m *testing.M) {
	if path := os.Getenv(countFolder); path != "" {
		if err := count(context.Background(), path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// count adds to a number by compare and swap.
func count(ctx context.Context, path string) error {
	store, err := ledger.NewFolder(path)
	if err != nil {
		return err
	}
	for done := 0; done < counts; {
		n := 0
		object, err := store.Get(ctx, "count")
		if err == nil {
			n, err = strconv.Atoi(string(object.Data))
		}
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
		_, err = store.Put(ctx, "count", []byte(strconv.Itoa(n+1)), object.Version)
		if err == nil {
			done++
		} else if !errors.Is(err, ledger.ErrConflict) {
			return err
		}
	}
	return nil
}

// Processes that swap the same object lose no write of one another.
func TestFolderIsAtomicBetweenProcesses(t *testing.T) {
	const processes = 4
	path := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	var running []*exec.Cmd
	for range processes {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), countFolder+"="+path)
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		running = append(running, cmd)
	}
	for _, cmd := range running {
		require.NoError(t, cmd.Wait())
	}
	object, err := openFolder(t, path).Get(t.Context(), "count")
	require.NoError(t, err)
	assert.Equal(t, strconv.Itoa(processes*counts), string(object.Data))
}
