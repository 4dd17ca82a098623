package instance

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// procFiles are the files of /proc/<pid>/net that containers have here.
var procFiles = []string{"snmp", "tcp", "tcp6"}

// splitProc parses /proc[/<pid>[/net[/<file>]]]. depth is the number of parts, and 0 for any other path.
func splitProc(p string) (pid int, file string, depth int) {
	parts := strings.Split(strings.TrimPrefix(path.Clean("/"+p), "/"), "/")
	if parts[0] != "proc" || len(parts) > 4 || (len(parts) > 2 && parts[2] != "net") {
		return 0, "", 0
	}
	if len(parts) > 1 {
		var err error
		if pid, err = strconv.Atoi(parts[1]); err != nil || strconv.Itoa(pid) != parts[1] {
			return 0, "", 0
		}
	}
	if len(parts) == 4 {
		file = parts[3]
	}
	return pid, file, len(parts)
}

// openProc opens a file of /proc/<pid>/net. Unlike the kernel's, it stays as it was when it was opened.
func (f *files) openProc(p string) (io.ReaderAt, bool) {
	pid, name, depth := splitProc(p)
	if depth != 4 || !slices.Contains(procFiles, name) {
		return nil, false
	}
	stack, ok := f.engine.Stack(pid)
	if !ok {
		return nil, false
	}
	content, _ := render(stack.Snapshot(), name)
	return bytes.NewReader(content), true
}

func render(s wire.Snapshot, file string) ([]byte, bool) {
	switch file {
	case "tcp":
		return s.TCP(), true
	case "tcp6":
		return s.TCP6(), true
	case "snmp":
		return s.SNMP(), true
	default:
		return nil, false
	}
}

func (f *files) procInfo(p string) (fs.FileInfo, bool) {
	pid, file, depth := splitProc(p)
	if depth == 0 {
		return nil, false
	}
	if depth > 1 {
		if _, ok := f.engine.Stack(pid); !ok {
			return nil, false
		}
	}
	if depth < 4 {
		return procEntry{name: path.Base(p), dir: true}, true
	}
	if _, ok := render(wire.Snapshot{}, file); !ok {
		return nil, false
	}
	return procEntry{name: file}, true
}

func (f *files) procList(p string) ([]fs.FileInfo, bool) {
	if _, ok := f.procInfo(p); !ok {
		return nil, false
	}
	var infos []fs.FileInfo
	switch _, _, depth := splitProc(p); depth {
	case 1:
		for _, pid := range f.engine.PIDs() {
			infos = append(infos, procEntry{name: strconv.Itoa(pid), dir: true})
		}
	case 2:
		infos = append(infos, procEntry{name: "net", dir: true})
	case 3:
		for _, name := range procFiles {
			infos = append(infos, procEntry{name: name})
		}
	default:
		return nil, false
	}
	return infos, true
}

// procEntry describes a file of /proc. Its size is 0, as in Linux.
type procEntry struct {
	name string
	dir  bool
}

func (e procEntry) Name() string     { return e.name }
func (procEntry) Size() int64        { return 0 }
func (procEntry) ModTime() time.Time { return time.Now() }
func (e procEntry) IsDir() bool      { return e.dir }
func (procEntry) Sys() any           { return nil }

// Mode is read-only for all.
func (e procEntry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
