// Package ledgertest helps to test what is built on a ledger: a store in memory
// whose faults are decided call by call, and the contract that every store keeps.
package ledgertest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/growl-dev/deploy/ledger"
)

var _ ledger.Store = (*Memory)(nil)

// Memory is a store in memory. The zero value is ready. In a testing/synctest
// bubble its clock is the bubble's, so that nothing it does takes real time. It shows whole seconds, as S3 does.
type Memory struct {
	// Fault decides what goes wrong with a call; nil: nothing does. It is called
	// with calls numbered from 1, one at a time. Set it before the first call.
	Fault func(Call) Fault

	mu      sync.Mutex
	objects map[string]ledger.Object
	skew    time.Duration
	calls   int
	puts    int
	writes  int
}

// Call is one call to a store.
type Call struct {
	// Number counts the calls of the store, from 1.
	Number int
	// Op is "get", "put" or "list".
	Op string
	// Key is the object's key, or the prefix of a list.
	Key string
}

// Fault makes one call fail. The zero value is none.
type Fault struct {
	// Err is the answer. Unless Applied or Late says otherwise, a write with it
	// is not applied. Wrap one of the ledger's sentinels.
	Err error
	// Applied makes a write that is answered with Err applied all the same: the
	// answer is lost.
	Applied bool
	// Late applies a write that is answered with Err so long after the answer,
	// with its condition looked at only then.
	Late time.Duration
	// Slow delays the answer; the call is done at once. A caller that gives up
	// before gets ledger.ErrUnavailable.
	Slow time.Duration
}

// Throttled is a call that was refused for its rate.
func Throttled() Fault { return Fault{Err: fmt.Errorf("%w: throttled", ledger.ErrUnavailable)} }

// Lost is a write that is applied and whose answer is lost.
func Lost() Fault {
	return Fault{Err: fmt.Errorf("%w: the answer is lost", ledger.ErrUnavailable), Applied: true}
}

// Late is a write whose caller gets an error, and which is applied after d.
func Late(d time.Duration) Fault {
	return Fault{Err: fmt.Errorf("%w: the answer is lost", ledger.ErrUnavailable), Late: d}
}

// Denied is a call that the caller may not make.
func Denied() Fault { return Fault{Err: fmt.Errorf("%w: read-only", ledger.ErrDenied)} }

// Missing is a call to a store that does not exist.
func Missing() Fault { return Fault{Err: fmt.Errorf("%w: no bucket", ledger.ErrNoStore)} }

func (m *Memory) String() string { return "memory://" }

// Get implements ledger.Store.
func (m *Memory) Get(ctx context.Context, key string) (ledger.Object, error) {
	fault := m.called("get", key)
	if err := fault.wait(ctx); err != nil {
		return ledger.Object{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	object, exists := m.objects[key]
	object.Now = m.now()
	if !exists {
		return object, ledger.ErrNotFound
	}
	object.Data = append([]byte(nil), object.Data...)
	return object, nil
}

// Put implements ledger.Store.
func (m *Memory) Put(ctx context.Context, key string, data []byte, version ledger.Version) (ledger.Stamp, error) {
	fault := m.called("put", key)
	data = append([]byte(nil), data...)
	if fault.Late > 0 {
		time.AfterFunc(fault.Late, func() { _, _ = m.put(key, data, version) })
	}
	if fault.Err != nil && !fault.Applied {
		return ledger.Stamp{}, fault.Err
	}
	stamp, err := m.put(key, data, version)
	if failed := fault.wait(ctx); failed != nil {
		return ledger.Stamp{}, failed
	}
	return stamp, err
}

func (m *Memory) put(key string, data []byte, version ledger.Version) (ledger.Stamp, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects[key].Version != version {
		return ledger.Stamp{}, ledger.ErrConflict
	}
	m.writes++
	stamp := ledger.Stamp{Version: ledger.Version(strconv.Itoa(m.writes)), Now: m.now()}
	if m.objects == nil {
		m.objects = map[string]ledger.Object{}
	}
	m.objects[key] = ledger.Object{Data: data, Version: stamp.Version, Modified: stamp.Now}
	return stamp, nil
}

// List implements ledger.Store.
func (m *Memory) List(ctx context.Context, prefix string) ([]ledger.Info, error) {
	fault := m.called("list", prefix)
	if err := fault.wait(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var infos []ledger.Info
	for key, object := range m.objects {
		if strings.HasPrefix(key, prefix) {
			infos = append(infos, ledger.Info{Key: key, Modified: object.Modified})
		}
	}
	return infos, nil
}

// Skew moves the store's clock by d, as a machine's clock that stood still
// through a sleep makes it seem.
func (m *Memory) Skew(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.skew += d
}

// Overwrite puts data in place of an object, whatever its version: by hand.
func (m *Memory) Overwrite(key string, data []byte) {
	m.mu.Lock()
	version := m.objects[key].Version
	m.mu.Unlock()
	_, _ = m.put(key, data, version)
}

// Read returns an object as it is, without a call's faults; nil when there is none.
func (m *Memory) Read(key string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]byte(nil), m.objects[key].Data...)
}

// Puts counts the writes that were asked for.
func (m *Memory) Puts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.puts
}

func (m *Memory) now() time.Time { return time.Now().Add(m.skew).Truncate(time.Second) }

func (m *Memory) called(op, key string) Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if op == "put" {
		m.puts++
	}
	if m.Fault == nil {
		return Fault{}
	}
	return m.Fault(Call{Number: m.calls, Op: op, Key: key})
}

// wait delays the answer and is it, if it is an error.
func (f Fault) wait(ctx context.Context) error {
	if f.Slow > 0 {
		timer := time.NewTimer(f.Slow)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ledger.ErrUnavailable, context.Cause(ctx))
		}
	}
	return f.Err
}
