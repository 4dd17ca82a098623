package instance

import (
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/pkg/sftp"
)

// Filelist lists a folder or describes a file.
func (f *files) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	switch r.Method {
	case "List":
		return f.list(r.Filepath)
	case "Stat":
		return f.describe(r.Filepath, f.root.Stat)
	default:
		return nil, sftp.ErrSSHFxOpUnsupported
	}
}

// Lstat describes a file without following it.
func (f *files) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	return f.describe(r.Filepath, f.root.Lstat)
}

// Readlink returns the target of a link.
func (f *files) Readlink(p string) (string, error) {
	target, err := f.root.Readlink(inRoot(p))
	return target, answer(err)
}

func (f *files) describe(p string, stat func(string) (fs.FileInfo, error)) (sftp.ListerAt, error) {
	if info, ok := f.procInfo(p); ok {
		return listing{info}, nil
	}
	info, err := stat(inRoot(p))
	if err != nil {
		return nil, answer(err)
	}
	return listing{info}, nil
}

func (f *files) list(p string) (sftp.ListerAt, error) {
	if infos, ok := f.procList(p); ok {
		return listing(infos), nil
	}
	dir, err := f.root.Open(inRoot(p))
	if err != nil {
		return nil, answer(err)
	}
	defer dir.Close()
	infos, err := dir.Readdir(-1)
	if err != nil {
		return nil, answer(err)
	}
	if path.Clean("/"+p) == "/" {
		proc, _ := f.procInfo("/proc")
		infos = append(infos, proc)
	}
	return listing(infos), nil
}

// listing is a finished list.
type listing []os.FileInfo

// ListAt copies the entries from offset on.
func (l listing) ListAt(into []os.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(into, l[offset:])
	if n < len(into) {
		return n, io.EOF
	}
	return n, nil
}
