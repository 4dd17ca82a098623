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
	"syscall"
	"time"
)

const errReadOnly = syscall.EROFS

// Put implements Store.
func (f *Folder) Put(ctx context.Context, key string, data []byte, version Version) (Stamp, error) {
	dir, err := f.dir(ctx, key)
	if err != nil {
		return Stamp{}, err
	}
	base, err := parseVersion(version)
	if err != nil {
		return Stamp{}, err
	}
	if err := f.makeDir(dir); err != nil {
		return Stamp{}, f.explain(err)
	}
	stamp, err := putNext(dir, base, data)
	if err != nil {
		return Stamp{}, f.explain(err)
	}
	prune(dir, base+1, stamp.Now)
	return stamp, nil
}

func parseVersion(v Version) (int, error) {
	if v == Absent {
		return 0, nil
	}
	n, err := strconv.Atoi(string(v))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("version %q: %w", v, ErrConflict)
	}
	return n, nil
}

// makeDir makes the folder of an object, but not the store's own: a store that
// was removed or unmounted is not to be replaced by an empty one.
func (f *Folder) makeDir(dir string) error {
	if _, err := os.Stat(f.path); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

// putNext makes data the version after base, if base is the newest.
func putNext(dir string, base int, data []byte) (Stamp, error) {
	if n, err := newest(dir); err != nil || n != base {
		return Stamp{}, errors.Join(err, conflict(n != base))
	}
	name, written, err := writeTemporary(dir, data)
	if name != "" {
		defer os.Remove(name)
	}
	if err != nil {
		return Stamp{}, err
	}
	if err := os.Link(name, numbered(dir, base+1)); errors.Is(err, fs.ErrExist) {
		return Stamp{}, ErrConflict
	} else if err != nil {
		return Stamp{}, err
	}
	if n, err := newest(dir); err != nil || n >= base+keptVersions {
		return Stamp{}, errors.Join(err, conflict(err == nil))
	}
	return Stamp{Version: Version(strconv.Itoa(base + 1)), Now: written}, syncDir(dir)
}

func conflict(is bool) error {
	if is {
		return ErrConflict
	}
	return nil
}

// writeTemporary writes a file completely, down to the disk, and answers when.
func writeTemporary(dir string, data []byte) (name string, written time.Time, err error) {
	file, err := os.CreateTemp(dir, temporary) // mode 0600
	if err != nil {
		return "", written, err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if info, statErr := file.Stat(); err == nil && statErr == nil {
		written = info.ModTime()
	} else {
		err = errors.Join(err, statErr)
	}
	return file.Name(), written, errors.Join(err, file.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func numbered(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("%012d.json", n))
}

// number is the version a file's name stands for; 0 for any other file.
func number(name string) int {
	digits, ok := strings.CutSuffix(name, ".json")
	if !ok || len(digits) != 12 {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// newest is an object's highest version; 0 when it does not exist.
func newest(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	highest := 0
	for _, entry := range entries {
		highest = max(highest, number(entry.Name()))
	}
	return highest, err
}

// prune removes versions that are long replaced and what dead processes left.
// It is housekeeping: what it fails to remove is in nobody's way.
func prune(dir string, newest int, now time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		n := number(entry.Name())
		old := n > 0 && n <= newest-keptVersions
		if strings.HasPrefix(entry.Name(), temporary) {
			info, err := entry.Info()
			old = err == nil && now.Sub(info.ModTime()) > temporaryAge
		}
		if old {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}
