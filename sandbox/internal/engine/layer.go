package engine

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// downloadLayer writes the layer to its file. The file appears only when it is complete and verified, because the reader
// fails at its end if digest or size differ.
func (s *images) downloadLayer(out *progressStream, l v1.Layer) error {
	digest, err := l.Digest()
	if err != nil {
		return err
	}
	total, err := l.Size()
	if err != nil {
		return err
	}
	rc, err := l.Compressed()
	if err != nil {
		return err
	}
	defer rc.Close()
	id := digest.Hex[:12]
	reader := &meter{Reader: rc, tell: func(n int64) { out.layer(id, "Downloading", n, total) }}
	if err := writeWhole(s.layerFile(digest), reader); err != nil {
		return err
	}
	out.layer(id, "Downloading", total, total)
	out.layer(id, "Verifying Checksum", 0, 0)
	out.layer(id, "Download complete", 0, 0)
	return nil
}

func writeWhole(file string, from io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(file), "download-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already where all went well
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// unpack makes the image's folder from its layers and returns the size of its files in bytes. The folder appears only
// when it is complete.
func (h *imageAPI) unpack(out *progressStream, r imageRecord) (int64, error) {
	img, err := h.images.open(r)
	if err != nil {
		return 0, fmt.Errorf("failed to register layer: %w", err)
	}
	for _, digest := range r.layers {
		out.layer(digest.Hex[:12], "Extracting", 0, 0)
	}
	size, err := h.images.untar(r.id, img, int64(diskOf(h.images, h.faults).Free))
	if err != nil {
		return 0, fmt.Errorf("failed to register layer: %w", err)
	}
	for _, digest := range r.layers {
		out.layer(digest.Hex[:12], "Pull complete", 0, 0)
	}
	return size, nil
}

func (s *images) untar(id string, img v1.Image, room int64) (int64, error) {
	temp, err := os.MkdirTemp(filepath.Join(s.dir, "rootfs"), "unpack-*")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(temp)
	root, err := os.OpenRoot(temp)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	flat := mutate.Extract(img)
	defer flat.Close()
	size, err := extract(root, tar.NewReader(flat), room)
	if err != nil {
		return 0, err
	}
	// Extract ends the tar also where it fails: its error comes after the end.
	if _, err := io.Copy(io.Discard, flat); err != nil {
		return 0, err
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return 0, err
	}
	return size, os.Rename(temp, s.rootfs(id))
}

// extract writes the files of a tar archive under root and returns their size in bytes. No name and no link leads out of
// root, because mutate.Extract drops the links that would. An archive with more than room bytes is an error.
func extract(root *os.Root, from *tar.Reader, room int64) (int64, error) {
	var size int64
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return 0, err
		}
		file := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if file == "" {
			continue
		}
		if h.Size > room-size {
			return 0, &fs.PathError{Op: "write", Path: "/" + file, Err: syscall.ENOSPC}
		}
		size += h.Size
		if err := extractOne(root, file, h, from); err != nil {
			return 0, err
		}
	}
}

func extractOne(root *os.Root, file string, h *tar.Header, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(file), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		// The owner must be able to remove it again.
		return root.MkdirAll(file, h.FileInfo().Mode().Perm()|0o700)
	case tar.TypeReg:
		return extractFile(root, file, h.FileInfo().Mode().Perm(), content)
	case tar.TypeSymlink:
		return root.Symlink(inside(file, h.Linkname), file)
	case tar.TypeLink:
		return root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), file)
	default:
		return nil // devices need root
	}
}

// inside makes an absolute target of a link relative, because the image's root is a folder of this machine.
func inside(file, target string) string {
	if !path.IsAbs(target) {
		return target
	}
	up := strings.Repeat("../", strings.Count(file, "/"))
	return path.Join(up, target[1:])
}

// extractFile writes one file. It prevents forks while the file is open for writing, because a child process that
// inherits it would make a start of the program fail with "text file busy".
func extractFile(root *os.Root, file string, mode fs.FileMode, content io.Reader) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := root.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close(), root.Chmod(file, mode))
}
