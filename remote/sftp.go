package remote

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"golang.org/x/crypto/ssh"
)

// session is an SFTP session as far as looking at files takes, version 3 of
// draft-ietf-secsh-filexfer-02. A general client takes four round trips for a
// file, and reads on to an end of file that makes the kernel look through all its
// connections again. Counting connections takes one for most of a table, and the
// instance pays for each.
type session struct {
	channel io.ReadWriteCloser
	last    uint32 // request's ID
	statVFS bool   // the server knows how full a disk is
	kept    []kept // the oldest first
	broken  error  // why it cannot be used any more
	looks   chan func()
}

// kept is a file that stays open for the next look.
type kept struct {
	name, handle string
	size         int // at the last look, in bytes
}

// mostKept are as many files as counting connections takes: TCP's tables, for IPv4
// and IPv6, the counters, and the service's own count.
const mostKept = 4

// startSession opens an SFTP session.
func startSession(connection ssh.Conn) (*session, error) {
	channel, err := openChannel(connection, "session", nil)
	if err != nil {
		return nil, err
	}
	granted, err := channel.SendRequest("subsystem", true, ssh.Marshal(&struct{ Name string }{"sftp"}))
	if err == nil && !granted {
		err = fmt.Errorf("%w: the server has no subsystem sftp", ErrUnsupported)
	}
	s := &session{channel: channel}
	if err == nil {
		err = s.greet()
	}
	if err != nil {
		_ = channel.Close()
		return nil, err
	}
	return s, nil
}

// greet agrees on a version and notes which extensions there are.
func (s *session) greet() error {
	if err := s.send(&initMessage{sftpVersion}); err != nil {
		return err
	}
	packet, err := s.packet()
	if err != nil {
		return err
	}
	var hello versionMessage
	if err := ssh.Unmarshal(packet, &hello); err != nil {
		return s.breaks(err)
	}
	if hello.Version != sftpVersion {
		return s.breaks(fmt.Errorf("version %d", hello.Version))
	}
	for rest := hello.Extensions; len(rest) > 0; {
		var extension struct {
			Name, Data string
			Rest       []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(rest, &extension); err != nil {
			return s.breaks(err)
		}
		s.statVFS = s.statVFS || extension.Name == extStatVFS
		rest = extension.Rest
	}
	return nil
}

// readFile reads a file that is there under this name now.
func (s *session) readFile(name string) ([]byte, error) {
	s.forget(name)
	r := &reading{name: name}
	s.read(r)
	s.drop(r)
	return r.data, r.err
}

// reread reads files once more, all in one trip, opening those that are not open. One
// that is not there under its name any more, or cannot be read, is opened by its name
// again.
func (s *session) reread(names []string) ([][]byte, error) {
	readings := make([]*reading, len(names))
	for i, name := range names {
		readings[i] = &reading{name: name, mayMove: true}
		if k := s.find(name); k != nil {
			readings[i].handle, readings[i].expected = k.handle, k.size
		}
	}
	s.read(readings...)
	for _, r := range readings {
		if r.stale() && s.find(r.name) != nil {
			s.forget(r.name)
			*r = reading{name: r.name, mayMove: true}
		}
	}
	s.read(readings...)
	return s.contents(readings)
}

// contents are what was read, and why the rest was not. What was read is kept open.
func (s *session) contents(readings []*reading) ([][]byte, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	contents := make([][]byte, len(readings))
	var faults error
	for i, r := range readings {
		switch {
		case r.err == nil:
			s.keep(r)
			contents[i] = r.data
		case errors.Is(r.err, fs.ErrNotExist):
			s.drop(r)
		default:
			s.drop(r)
			faults = onOneLine(faults, fmt.Errorf("%s: %w", r.name, r.err))
		}
	}
	for len(s.kept) > mostKept {
		s.forget(s.kept[0].name)
	}
	return contents, faults
}

// keep leaves a file open for the next look.
func (s *session) keep(r *reading) {
	k := s.find(r.name)
	if k == nil {
		s.kept = append(s.kept, kept{name: r.name, handle: r.handle})
		k = &s.kept[len(s.kept)-1]
	}
	k.size = len(r.data)
}

// drop closes a file, where it was opened.
func (s *session) drop(r *reading) {
	switch {
	case s.find(r.name) != nil:
		s.forget(r.name)
	case r.handle != "":
		s.close(r.handle)
	}
}

func (s *session) find(name string) *kept {
	if i := s.index(name); i >= 0 {
		return &s.kept[i]
	}
	return nil
}

func (s *session) index(name string) int {
	return slices.IndexFunc(s.kept, func(k kept) bool { return k.name == name })
}

func (s *session) forget(name string) {
	if i := s.index(name); i >= 0 {
		s.close(s.kept[i].handle)
		s.kept = slices.Delete(s.kept, i, i+1)
	}
}

// close does not wait for the answer: the next request skips it.
func (s *session) close(handle string) { _ = s.send(&closeMessage{s.next(), handle}) }

func (s *session) stat(name string) (fs.FileInfo, error) {
	var found attributesMessage
	if err := s.ask(&statMessage{s.next(), name}, &found); err != nil {
		return nil, err
	}
	info, err := parseAttributes(name, found.Attributes)
	if err != nil {
		return nil, s.breaks(err)
	}
	return info, nil
}

// freeDisk is in bytes.
func (s *session) freeDisk(name string) (uint64, error) {
	if !s.statVFS {
		return 0, fmt.Errorf("%s: %w", extStatVFS, ErrUnsupported)
	}
	var disk vfsMessage
	err := s.ask(&statVFSMessage{s.next(), extStatVFS, name}, &disk)
	return disk.BlocksAvailable * disk.FragmentSize, err
}

func (s *session) next() uint32 {
	s.last++
	return s.last
}
