package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WriteFile writes the document to path as indented JSON, or as a page if path ends in ".html", so that only its owner
// can read it (0600). It writes all of it or nothing, so that a reader never sees half a report. If path is something
// other than an ordinary file, such as /dev/stdout, it writes directly to it.
func (d Document) WriteFile(path string) error {
	encode := d.indented
	if strings.EqualFold(filepath.Ext(path), ".html") {
		encode = d.HTML
	}
	text, err := encode()
	if err != nil {
		return fmt.Errorf("encode report of run %s: %w", d.Run, err)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = os.WriteFile(path, text, 0o600)
		return wrote(path, err)
	}
	return wrote(path, replaceFile(path, text))
}

func (d Document) indented() ([]byte, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}

func wrote(path string, err error) error {
	if err != nil {
		return fmt.Errorf("write report %s: %w", path, err)
	}
	return nil
}

// replaceFile writes a file beside path, syncs it, and renames it.
func replaceFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*") // made with 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(text); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// CheckFile returns an error if a report could not be written to path, before minutes are spent on what it is of. An
// empty path is none.
func CheckFile(path string) error {
	if path == "" {
		return nil
	}
	if folder, err := os.Stat(filepath.Dir(path)); err != nil || !folder.IsDir() {
		return fmt.Errorf("write the report to %s: its folder does not exist", path)
	}
	return nil
}
