package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// saved is a document that was read or written.
type saved struct {
	document
	version Version
	// modified is the time of the last write, and now that of the response, both by the store's clock.
	modified, now time.Time
	// size is its length in bytes. It is set only after a write.
	size int
}

// held reports whether there is a lease that has not ended.
func (s saved) held() bool {
	return s.Lease != nil && s.now.Before(s.Lease.ends(s.modified))
}

// read reads the document. One that does not exist has no lease. With ErrHidden it returns the same, which is true only if a
// conditional create succeeds afterwards.
func (b *book) read(ctx context.Context) (saved, error) {
	object, err := b.get(ctx, b.key.current())
	nobody := saved{version: Absent, now: object.Now}
	switch {
	case errors.Is(err, ErrNotFound):
		return nobody, nil
	case errors.Is(err, ErrHidden):
		return nobody, err
	case err != nil:
		return saved{}, err
	}
	found, err := decodeDocument(object.Data, b.key)
	if err != nil {
		return saved{}, &FormatError{Object: b.name(b.key.current()), Reason: err}
	}
	return saved{document: found, version: object.Version, modified: object.Modified, now: object.Now}, nil
}

// update reads the document, calls change, and writes what that returns if the document was not written in between. Otherwise
// it begins again. If it reads a write of its own, that was applied although the response was an error. A document that is
// hidden is absent if it can be created. If it cannot, because it exists, the permission to read it is missing.
func (b *book) update(ctx context.Context, change func(saved) (document, error)) (saved, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Patience)
	defer cancel()
	sent, exists := map[string]bool{}, false
	for pause := b.options.firstPause(); ; pause = min(2*pause, b.options.lastPause()) {
		found, hidden := b.read(ctx)
		switch {
		case errors.Is(hidden, ErrHidden) && exists:
			return found, fmt.Errorf("it exists, because it could not be created: allow s3:GetObject on it: %w", hidden)
		case hidden != nil && !errors.Is(hidden, ErrHidden), sent[found.Write]:
			return found, hidden
		}
		next, err := change(found)
		if err != nil {
			return found, cmp.Or(hidden, err)
		}
		wrote, err := b.write(ctx, next, found.version, sent)
		exists = errors.Is(err, ErrConflict)
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrUnavailable) {
			return wrote, err
		}
		if sleep(ctx, pause) != nil {
			return found, err
		}
	}
}

// write makes one attempt to replace a version of the document. It adds the ID of the write to sent, whether it is applied or
// not.
func (b *book) write(ctx context.Context, d document, replaces Version, sent map[string]bool) (saved, error) {
	d.Format, d.Write, d.Service, d.Environment = documentVersion, newID(), b.key.service, b.key.environment
	if d.Moved != "" {
		d.Format = markerVersion
	}
	data, err := json.Marshal(d)
	if err != nil {
		return saved{}, fmt.Errorf("write %s: %w", b.name(b.key.current()), err)
	}
	sent[d.Write] = true
	var stamp Stamp
	err = b.once(ctx, func(ctx context.Context) error {
		stamp, err = b.store.Put(ctx, b.key.current(), data, replaces)
		return err
	})
	if err != nil {
		return saved{}, fmt.Errorf("write %s: %w", b.name(b.key.current()), err)
	}
	return saved{document: d, version: stamp.Version, modified: stamp.Now, now: stamp.Now, size: len(data)}, nil
}
