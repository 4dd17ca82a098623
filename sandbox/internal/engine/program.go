package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// startFailure has the text with which runc reports a program that it cannot run. The engine returns status 400 for it.
type startFailure struct {
	program string
	err     error
}

func (s *startFailure) Unwrap() []error {
	return []error{s.err, &apiError{status: 400, message: s.Error()}}
}

func (s *startFailure) Error() string {
	return fmt.Sprintf("failed to create task for container: failed to create shim task: OCI runtime create failed: "+
		"runc create failed: unable to start container process: exec: %q: %v: unknown", s.program, reason(s.err))
}

func startError(program string, err error) error { return &startFailure{program, err} }

// reason returns the cause without the path, because the paths of this machine mean nothing on the instance.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// resolveProgram finds a program in the image's files by its path, or along PATH of the container's environment. It
// follows no link out of the image.
func resolveProgram(rootfs, program, dir string, env []string) (string, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return "", err
	}
	defer root.Close()
	for _, candidate := range candidates(program, dir, env) {
		info, err := root.Stat(rooted(candidate))
		switch {
		case err != nil && strings.Contains(program, "/"):
			return "", err
		case err != nil || info.IsDir():
			continue
		case info.Mode().Perm()&0o111 == 0:
			return "", fs.ErrPermission
		}
		return filepath.Join(rootfs, filepath.FromSlash(rooted(candidate))), nil
	}
	return "", exec.ErrNotFound
}

// candidates returns the paths in the image at which the program may be.
func candidates(program, dir string, env []string) []string {
	if path.IsAbs(program) {
		return []string{program}
	}
	if strings.Contains(program, "/") {
		return []string{path.Join("/", dir, program)}
	}
	var list []string
	for _, pair := range env {
		if folders, ok := strings.CutPrefix(pair, "PATH="); ok {
			for _, folder := range strings.Split(folders, ":") {
				list = append(list, path.Join("/", folder, program))
			}
		}
	}
	return list
}
