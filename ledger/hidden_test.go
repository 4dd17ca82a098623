package ledger_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
)

// unlisted is a store as S3 is for a role that may not list the bucket: an object that does not exist is denied. Without
// read, every object is.
type unlisted struct {
	*ledgertest.Memory
	read bool
}

func (u unlisted) Get(ctx context.Context, key string) (ledger.Object, error) {
	object, err := u.Memory.Get(ctx, key)
	if errors.Is(err, ledger.ErrNotFound) || err == nil && !u.read {
		return ledger.Object{Now: object.Now}, ledger.ErrHidden
	}
	return object, err
}

func TestAHiddenObjectIsAbsentOnceItWasCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := unlisted{&ledgertest.Memory{}, true}
		lease, err := open(t, store).Acquire(t.Context(), holder("run-1"))
		require.NoError(t, err)
		assert.Contains(t, string(store.Read("app/dev/current")), "run-1")
		require.NoError(t, lease.Release(t.Context()))
	})
}

func TestAHiddenObjectThatExistsIsLeftAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := &ledgertest.Memory{}
		memory.Overwrite("app/dev/current", []byte("somebody's"))
		_, err := open(t, unlisted{memory, false}).Acquire(t.Context(), holder("run-1"))
		require.ErrorIs(t, err, ledger.ErrDenied)
		require.ErrorContains(t, err, "it exists, because it could not be created: allow s3:GetObject on it")
		assert.Equal(t, "somebody's", string(memory.Read("app/dev/current")))
	})
}

// TestOnlyACreateProvesThatAHiddenObjectIsAbsent: what creates nothing must not report that there is nothing.
func TestOnlyACreateProvesThatAHiddenObjectIsAbsent(t *testing.T) {
	store := unlisted{&ledgertest.Memory{}, true}
	book := open(t, store)
	_, err := book.Current(t.Context())
	require.ErrorIs(t, err, ledger.ErrHidden)
	_, err = book.History(t.Context(), 1)
	require.ErrorIs(t, err, ledger.ErrHidden)
	require.ErrorIs(t, book.Unlock(t.Context(), ""), ledger.ErrHidden)
	_, err = book.Find(t.Context(), "run-1")
	require.ErrorIs(t, err, ledger.ErrHidden)
	assert.Zero(t, store.Puts())
}

// TestACreateThatIsRefusedButAppliedIsFound: the object is read back, as any that is not hidden.
func TestACreateThatIsRefusedButAppliedIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := &ledgertest.Memory{}
		memory.Fault = puts("app/dev/current", func(n int) ledgertest.Fault {
			if n == 1 {
				return ledgertest.Fault{Err: ledger.ErrConflict, Applied: true}
			}
			return ledgertest.Fault{}
		})
		lease, err := open(t, unlisted{memory, true}).Acquire(t.Context(), holder("run-1"))
		require.NoError(t, err)
		require.NoError(t, lease.Release(t.Context()))
	})
}

// hiding is a store that hides one object.
type hiding struct {
	*ledgertest.Memory
	key string
}

func (h hiding) Get(ctx context.Context, key string) (ledger.Object, error) {
	object, err := h.Memory.Get(ctx, key)
	if key == h.key {
		return ledger.Object{Now: object.Now}, ledger.ErrHidden
	}
	return object, err
}
