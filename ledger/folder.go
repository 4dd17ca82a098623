package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

var _ Store = (*Folder)(nil)

// Folder is a store in a folder of a local disk: for tests and the sandbox. A
// lock on a disk that only one machine has locks out nobody else, so real
// environments need [S3].
//
// An object is a folder of numbered files, of which the highest is what it holds;
// a file never changes. A write links the next number to a complete file: link(2)
// fails if the name exists, so of any number of processes one wins, and one that
// dies leaves nothing that is in the way.
type Folder struct {
	path string
}

const (
	// keptVersions is how many numbers of an object stay. A writer would have to
	// sleep for as many writes between two system calls to write on top of a
	// number that is gone; it then finds out, and says ErrConflict.
	keptVersions = 64
	temporary    = ".tmp-"
	// temporaryAge is when a file that a dead process left is removed.
	temporaryAge = time.Hour
)

// NewFolder returns the store in a folder, which is made if it does not exist,
// readable for its owner only.
func NewFolder(path string) (*Folder, error) {
	absolute, err := filepath.Abs(path)
	if err == nil {
		err = os.MkdirAll(absolute, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("open the ledger's folder: %w", err)
	}
	return &Folder{path: absolute}, nil
}

func (f *Folder) String() string { return f.path }

// Get implements Store. Now is the modification time of a file written for the
// purpose; in a folder that cannot be written, where nothing depends on it, the
// local clock's.
func (f *Folder) Get(ctx context.Context, key string) (Object, error) {
	dir, err := f.dir(ctx, key)
	if err != nil {
		return Object{}, err
	}
	for {
		n, err := newest(dir)
		if err != nil {
			return Object{}, f.explain(err)
		}
		if n == 0 {
			return Object{Now: f.now()}, f.explain(f.missing())
		}
		object, err := readVersion(dir, n)
		if errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
			continue // many writes happened since it was listed
		}
		object.Now = f.now()
		return object, f.explain(err)
	}
}

// missing tells an object that does not exist from a store that does not.
func (f *Folder) missing() error {
	if _, err := os.Stat(f.path); err != nil {
		return err
	}
	return ErrNotFound
}

func readVersion(dir string, n int) (object Object, err error) {
	name := numbered(dir, n)
	object.Version = Version(strconv.Itoa(n))
	if object.Data, err = os.ReadFile(name); err != nil {
		return object, err
	}
	info, err := os.Stat(name)
	if err == nil {
		object.Modified = info.ModTime()
	}
	return object, err
}

// List implements Store.
func (f *Folder) List(ctx context.Context, prefix string) ([]Info, error) {
	var infos []Info
	err := filepath.WalkDir(f.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if !entry.IsDir() || path == f.path {
			return nil
		}
		key := filepath.ToSlash(strings.TrimPrefix(path, f.path+string(filepath.Separator)))
		if !strings.HasPrefix(key, prefix) {
			if strings.HasPrefix(prefix, key) {
				return nil
			}
			return filepath.SkipDir
		}
		n, err := newest(path)
		if err != nil || n == 0 {
			return err
		}
		info, err := os.Stat(numbered(path, n))
		if err == nil {
			infos = append(infos, Info{Key: key, Modified: info.ModTime()})
		}
		return err
	})
	return infos, f.explain(err)
}

// dir is the folder of an object. It never leaves the store's.
func (f *Folder) dir(ctx context.Context, key string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	for part := range strings.SplitSeq(key, "/") {
		if err := checkName("key", part); err != nil {
			return "", err
		}
	}
	return filepath.Join(f.path, filepath.FromSlash(key)), nil
}

// now is the time of the disk's clock.
func (f *Folder) now() time.Time {
	probe, err := os.CreateTemp(f.path, temporary)
	if err != nil {
		return time.Now()
	}
	defer os.Remove(probe.Name())
	defer probe.Close()
	info, err := probe.Stat()
	if err != nil {
		return time.Now()
	}
	return info.ModTime()
}

// explain gives an error of the file system its kind.
func (f *Folder) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errReadOnly):
		return fmt.Errorf("%w: make the folder writable for this user, on a file system that has hard links: %w", ErrDenied, err)
	}
	if _, missing := os.Stat(f.path); errors.Is(missing, fs.ErrNotExist) {
		return fmt.Errorf("%w: the folder %s is gone", ErrNoStore, f.path)
	}
	return err
}
