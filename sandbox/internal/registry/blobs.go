package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobs holds all blobs in memory, by digest.
type blobs struct {
	cut atomic.Bool

	mu     sync.Mutex
	stored map[string][]byte
}

var errCut = errors.New("download cut halfway")

func (b *blobs) lookup(digest string) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.stored[digest]
	return data, ok
}

// Stat returns a blob's size.
func (b *blobs) Stat(_ context.Context, _ string, h v1.Hash) (int64, error) {
	data, ok := b.lookup(h.String())
	if !ok {
		return 0, registry.ErrNotFound
	}
	return int64(len(data)), nil
}

// Get returns a blob. While downloads are cut, it returns the first half and an error, so that the handler ends the
// response before its announced length.
func (b *blobs) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	data, ok := b.lookup(h.String())
	switch {
	case !ok:
		return nil, registry.ErrNotFound
	case b.cut.Load():
		half := io.MultiReader(bytes.NewReader(data[:len(data)/2]), failing{})
		return io.NopCloser(half), nil
	default:
		return whole{bytes.NewReader(data)}, nil
	}
}

// Put stores a blob. Reading the body verifies the digest.
func (b *blobs) Put(_ context.Context, _ string, h v1.Hash, body io.ReadCloser) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return errors.Join(err, body.Close())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored[h.String()] = data
	return body.Close()
}

// whole is a closer with ReadAt, which ranged downloads use.
type whole struct{ *bytes.Reader }

func (whole) Close() error { return nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errCut }
