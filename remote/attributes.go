package remote

import (
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/cryptobyte"
)

// attributes describe a file, as SFTP has it: a [fs.FileInfo].
type attributes struct {
	path string
	stat sftp.FileStat
}

// Flags that say which attributes follow, in this order.
const (
	hasSize = 1 << iota
	hasOwner
	hasMode
	hasTimes
)

func parseAttributes(name string, data []byte) (*attributes, error) {
	a := &attributes{path: name}
	text := cryptobyte.String(data)
	var flags uint32
	ok := text.ReadUint32(&flags)
	if flags&hasSize != 0 {
		ok = ok && text.ReadUint64(&a.stat.Size)
	}
	if flags&hasOwner != 0 {
		ok = ok && text.ReadUint32(&a.stat.UID) && text.ReadUint32(&a.stat.GID)
	}
	if flags&hasMode != 0 {
		ok = ok && text.ReadUint32(&a.stat.Mode)
	}
	if flags&hasTimes != 0 {
		ok = ok && text.ReadUint32(&a.stat.Atime) && text.ReadUint32(&a.stat.Mtime)
	}
	if !ok {
		return nil, errors.New("attributes of a file are cut off")
	}
	return a, nil
}

func (a *attributes) Name() string       { return path.Base(a.path) }
func (a *attributes) Size() int64        { return int64(a.stat.Size) }
func (a *attributes) Mode() fs.FileMode  { return a.stat.FileMode() }
func (a *attributes) ModTime() time.Time { return a.stat.ModTime() }
func (a *attributes) IsDir() bool        { return a.Mode().IsDir() }

// Sys is the [*sftp.FileStat].
func (a *attributes) Sys() any { return &a.stat }
