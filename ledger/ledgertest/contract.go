package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growl-dev/deploy/ledger"
)

// clockSlack is the largest error of a store's times, because HTTP dates are whole seconds.
const clockSlack = 2 * time.Second

// TestStore holds a store to the contract of ledger.Store. open returns an empty
// one, and the same one again for the same test: another client of it, as of
// another process.
func TestStore(t *testing.T, open func(t *testing.T) (store, again ledger.Store)) {
	for name, test := range map[string]func(*testing.T, ledger.Store, ledger.Store){
		"absent":   testAbsent,
		"create":   testCreate,
		"replace":  testReplace,
		"versions": testVersions,
		"clock":    testClock,
		"list":     testList,
		"names":    testNames,
		"race":     testRace,
	} {
		t.Run(name, func(t *testing.T) {
			store, again := open(t)
			test(t, store, again)
		})
	}
}

func testAbsent(t *testing.T, store, _ ledger.Store) {
	object, err := store.Get(t.Context(), "dev/current")
	wantError(t, err, ledger.ErrNotFound)
	if object.Now.IsZero() {
		t.Error("an absent object tells no time")
	}
	_, err = store.Put(t.Context(), "dev/current", []byte("x"), "7")
	wantError(t, err, ledger.ErrConflict)
	infos, err := store.List(t.Context(), "dev/")
	if err != nil || len(infos) > 0 {
		t.Errorf("list of nothing: %v, %v", infos, err)
	}
}

func testCreate(t *testing.T, store, again ledger.Store) {
	put(t, store, "dev/current", "one", ledger.Absent)
	_, err := again.Put(t.Context(), "dev/current", []byte("two"), ledger.Absent)
	wantError(t, err, ledger.ErrConflict)
	wantData(t, again, "dev/current", "one")
}

func testReplace(t *testing.T, store, again ledger.Store) {
	first := put(t, store, "dev/current", "one", ledger.Absent)
	second := put(t, again, "dev/current", "two", first)
	_, err := store.Put(t.Context(), "dev/current", []byte("three"), first)
	wantError(t, err, ledger.ErrConflict)
	wantData(t, store, "dev/current", "two")
	put(t, store, "dev/current", strings.Repeat("large ", 100_000), second)
	wantData(t, again, "dev/current", strings.Repeat("large ", 100_000))
}

// Put and Get return the same versions, through many writes.
func testVersions(t *testing.T, store, again ledger.Store) {
	version := ledger.Absent
	for i := range 200 {
		old := version
		version = put(t, store, "dev/current", fmt.Sprint(i), version)
		if object := wantData(t, again, "dev/current", fmt.Sprint(i)); object.Version != version {
			t.Fatalf("write %d: version %q read, %q written", i, object.Version, version)
		}
		if _, err := again.Put(t.Context(), "dev/current", []byte("late"), old); !errors.Is(err, ledger.ErrConflict) {
			t.Fatalf("write %d over version %q: %v", i, old, err)
		}
	}
}

func testClock(t *testing.T, store, again ledger.Store) {
	stamp, err := store.Put(t.Context(), "dev/current", []byte("one"), ledger.Absent)
	if err != nil {
		t.Fatal(err)
	}
	object := wantData(t, again, "dev/current", "one")
	if d := object.Modified.Sub(stamp.Now).Abs(); d > clockSlack {
		t.Errorf("written at %s, modified at %s", stamp.Now, object.Modified)
	}
	if d := object.Now.Sub(object.Modified); d < 0 || d > time.Minute {
		t.Errorf("modified at %s, read at %s", object.Modified, object.Now)
	}
}

func testList(t *testing.T, store, again ledger.Store) {
	var want []string
	for i := range 25 {
		key := fmt.Sprintf("dev/history/run-%02d", i)
		put(t, store, key, "x", ledger.Absent)
		want = append(want, key)
	}
	put(t, store, "dev/current", "x", ledger.Absent)
	put(t, store, "dev2/history/run-00", "x", ledger.Absent)
	infos, err := again.List(t.Context(), "dev/history/")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, info := range infos {
		got = append(got, info.Key)
		if info.Modified.IsZero() {
			t.Errorf("%s has no time", info.Key)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}

// Keys that the ledger uses at their extremes are told apart.
func testNames(t *testing.T, store, _ ledger.Store) {
	keys := []string{"dev/history/a", "dev/history/A.b_c-d", "dev/history/" + strings.Repeat("r", 128), "d/current"}
	for _, key := range keys {
		put(t, store, key, key, ledger.Absent)
	}
	for _, key := range keys {
		wantData(t, store, key, key)
	}
}

// Of all who replace one version, exactly one wins, over and over. A store may
// refuse the winner too; that write is found when it is read back.
func testRace(t *testing.T, store, again ledger.Store) {
	const writers, rounds = 8, 25
	version := ledger.Absent
	for round := range rounds {
		var mu sync.Mutex
		var won []string
		var wg sync.WaitGroup
		for i := range writers {
			client := []ledger.Store{store, again}[i%2]
			wg.Go(func() {
				data := fmt.Sprintf("%d-%d", round, i)
				_, err := client.Put(context.WithoutCancel(t.Context()), "dev/current", []byte(data), version)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, data)
				} else if !errors.Is(err, ledger.ErrConflict) {
					t.Errorf("refused by another error: %v", err)
				}
			})
		}
		wg.Wait()
		object, err := store.Get(t.Context(), "dev/current")
		if err != nil {
			t.Fatal(err)
		}
		if len(won) != 1 || string(object.Data) != won[0] {
			t.Fatalf("round %d: %q won, %q is stored", round, won, object.Data)
		}
		version = object.Version
	}
}

func put(t *testing.T, store ledger.Store, key, data string, version ledger.Version) ledger.Version {
	t.Helper()
	stamp, err := store.Put(t.Context(), key, []byte(data), version)
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	if stamp.Version == ledger.Absent || stamp.Now.IsZero() {
		t.Fatalf("put %s: no version or no time: %+v", key, stamp)
	}
	return stamp.Version
}

func wantData(t *testing.T, store ledger.Store, key, data string) ledger.Object {
	t.Helper()
	object, err := store.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	if !bytes.Equal(object.Data, []byte(data)) {
		t.Fatalf("get %s: %.80q, want %.80q", key, object.Data, data)
	}
	return object
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}
