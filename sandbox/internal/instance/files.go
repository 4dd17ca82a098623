package instance

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/sshserver"
	"github.com/growl-dev/deploy/sandbox/internal/engine"
)

// files serves the instance's files over SFTP. It uses an [os.Root], so that no path and no link leads out of the root
// folder.
type files struct {
	root   *os.Root
	engine *engine.Engine
	home   string
}

func newFiles(o Options, e *engine.Engine) (*files, error) {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, err
	}
	return &files{root: root, engine: e, home: "/home/" + o.User}, nil
}

func writeEnvFile(root *os.Root, o Options) error {
	name := inRoot(o.EnvFile)
	return errors.Join(root.MkdirAll(path.Dir(name), 0o755), root.WriteFile(name, o.EnvContent, 0o600), root.Chmod(name, 0o600))
}

// inRoot turns a path of the instance into a name relative to its root folder.
func inRoot(p string) string {
	name := strings.TrimPrefix(path.Clean("/"+p), "/")
	if name == "" {
		return "."
	}
	return name
}

// serve serves SFTP in a session until the client closes it.
func (f *files) serve(_ context.Context, session ssh.Channel) {
	handlers := sftp.Handlers{FileGet: f, FilePut: f, FileCmd: f, FileList: f}
	server := sftp.NewRequestServer(session, handlers, sftp.WithStartDirectory(f.home))
	status := 0
	if err := server.Serve(); err != nil && !errors.Is(err, io.EOF) {
		status = 1
	}
	sshserver.Exit(session, status)
}

// Fileread opens a file for reading.
func (f *files) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	if file, ok := f.openProc(r.Filepath); ok {
		return file, nil
	}
	file, err := f.root.Open(inRoot(r.Filepath))
	if err != nil {
		return nil, answer(err)
	}
	return file, nil
}

// Filewrite opens a file for writing.
func (f *files) Filewrite(r *sftp.Request) (io.WriterAt, error) { return f.OpenFile(r) }

// OpenFile opens a file for writing, or for reading and writing. It ignores the flag for appending, because WriteAt needs
// the offsets that the client sends.
func (f *files) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	p := r.Pflags()
	flags := os.O_WRONLY
	if p.Read {
		flags = os.O_RDWR
	}
	for _, o := range []struct {
		set  bool
		flag int
	}{{p.Creat, os.O_CREATE}, {p.Trunc, os.O_TRUNC}, {p.Excl, os.O_EXCL}} {
		if o.set {
			flags |= o.flag
		}
	}
	mode := fs.FileMode(0o644)
	if r.AttrFlags().Permissions {
		mode = r.Attributes().FileMode().Perm()
	}
	file, err := f.root.OpenFile(inRoot(r.Filepath), flags, mode)
	if err != nil {
		return nil, answer(err)
	}
	return file, nil
}

// Filecmd serves the requests that change names and attributes.
func (f *files) Filecmd(r *sftp.Request) error {
	name, target := inRoot(r.Filepath), inRoot(r.Target)
	switch r.Method {
	case "Setstat":
		return answer(f.setstat(name, r))
	case "Rename":
		// SFTP's own rename does not replace; posix-rename does.
		if _, err := f.root.Lstat(target); err == nil {
			return sftp.ErrSSHFxFailure
		}
		return answer(f.root.Rename(name, target))
	case "Rmdir", "Remove":
		return answer(f.remove(name, r.Method == "Rmdir"))
	case "Mkdir":
		return answer(f.root.Mkdir(name, 0o755))
	case "Link":
		return answer(f.root.Link(name, target))
	case "Symlink":
		return answer(f.root.Symlink(linkTarget(r.Filepath, target), target))
	default:
		return sftp.ErrSSHFxOpUnsupported
	}
}

// linkTarget makes an absolute target relative to the link, because the instance's root is a folder of this machine.
func linkTarget(to, link string) string {
	if !path.IsAbs(to) {
		return to
	}
	return path.Join(strings.Repeat("../", strings.Count(link, "/")), inRoot(to))
}

func (f *files) remove(name string, dir bool) error {
	info, err := f.root.Lstat(name)
	if err != nil {
		return err
	}
	if info.IsDir() != dir {
		return sftp.ErrSSHFxFailure
	}
	return f.root.Remove(name)
}

func (f *files) setstat(name string, r *sftp.Request) error {
	set, attrs := r.AttrFlags(), r.Attributes()
	var errs []error
	if set.Size {
		errs = append(errs, f.truncate(name, int64(attrs.Size)))
	}
	if set.Permissions {
		errs = append(errs, f.root.Chmod(name, attrs.FileMode().Perm()))
	}
	if set.Acmodtime {
		errs = append(errs, f.root.Chtimes(name, attrs.AccessTime(), attrs.ModTime()))
	}
	if set.UidGid {
		errs = append(errs, f.root.Chown(name, int(attrs.UID), int(attrs.GID)))
	}
	return errors.Join(errs...)
}

func (f *files) truncate(name string, size int64) error {
	file, err := f.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Close())
}

// PosixRename renames a file. It replaces a file with the target's name atomically.
func (f *files) PosixRename(r *sftp.Request) error {
	return answer(f.root.Rename(inRoot(r.Filepath), inRoot(r.Target)))
}

// blockSize is the block size of XFS and ext4, in bytes.
const blockSize = 4096

// StatVFS returns the size and the free space of the instance's volume.
func (f *files) StatVFS(*sftp.Request) (*sftp.StatVFS, error) {
	disk := f.engine.Disk()
	const inodes = 1 << 20
	free := disk.Free / blockSize
	return &sftp.StatVFS{
		Bsize: blockSize, Frsize: blockSize, Blocks: disk.Total / blockSize, Bfree: free, Bavail: free,
		Files: inodes, Ffree: inodes / 2, Favail: inodes / 2, Namemax: 255,
	}, nil
}

// answer returns the SFTP status for an error, without paths of this machine.
func answer(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return sftp.ErrSSHFxNoSuchFile
	case errors.Is(err, fs.ErrPermission):
		return sftp.ErrSSHFxPermissionDenied
	default:
		return sftp.ErrSSHFxFailure
	}
}
