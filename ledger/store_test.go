package ledger_test

import (
	"testing"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	ledgertest.TestStore(t, func(*testing.T) (ledger.Store, ledger.Store) {
		store := &ledgertest.Memory{}
		return store, store
	})
}
