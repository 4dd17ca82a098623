package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// countFileName is the file in LOG_DIR that the image's label dev.growl.connections
// names.
const countFileName = "connections"

// countFile holds a count where a deployer can read it without a request: it looks
// often, and a request costs the machine several times as much. Nil holds none.
type countFile struct {
	file *os.File
	log  *slog.Logger
}

// openCountFile begins a file with the count 0. One that cannot be written is said
// and never stops the service.
func openCountFile(dir string, log *slog.Logger) *countFile {
	c := &countFile{log: log}
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		c.file, err = os.OpenFile(filepath.Join(dir, countFileName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	}
	if err != nil {
		log.Warn("count file not written", "error", err.Error())
		return nil
	}
	c.write(0)
	return c
}

// write replaces the count in one go: its width is always the same. A file that
// cannot be written any more is emptied and taken away, for its reader would take an
// old count for true.
func (c *countFile) write(n uint64) {
	if c == nil || c.file == nil {
		return
	}
	if _, err := c.file.WriteAt(fmt.Appendf(nil, "%020d\n", n), 0); err != nil {
		c.log.Warn("count file not written", "error", err.Error())
		_ = c.file.Truncate(0)
		_ = os.Remove(c.file.Name())
		_ = c.file.Close()
		c.file = nil
	}
}
