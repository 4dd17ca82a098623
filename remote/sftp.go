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
	handle, err := s.open(name)
	if err != nil {
		return nil, err
	}
	data, err := s.read("", handle, 0)
	s.close(handle)
	return data, err
}

// reread reads a file once more, opening it where it is not open. One that is not
// there under its name any more, or cannot be read, is opened by its name again.
func (s *session) reread(name string) ([]byte, error) {
	if i := s.find(name); i >= 0 {
		data, err := s.rereadKept(&s.kept[i])
		if err == nil || s.broken != nil {
			return data, err
		}
		s.forget(name)
	}
	handle, err := s.open(name)
	if err != nil {
		return nil, err
	}
	if len(s.kept) == mostKept {
		s.forget(s.kept[0].name)
	}
	s.kept = append(s.kept, kept{name: name, handle: handle})
	return s.rereadKept(&s.kept[len(s.kept)-1])
}

func (s *session) rereadKept(k *kept) ([]byte, error) {
	data, err := s.read(k.name, k.handle, k.size)
	k.size = len(data)
	return data, err
}

func (s *session) find(name string) int {
	return slices.IndexFunc(s.kept, func(k kept) bool { return k.name == name })
}

func (s *session) forget(name string) {
	if i := s.find(name); i >= 0 {
		s.close(s.kept[i].handle)
		s.kept = slices.Delete(s.kept, i, i+1)
	}
}

func (s *session) open(name string) (handle string, err error) {
	var opened handleMessage
	err = s.ask(&openMessage{ID: s.next(), Name: name, Flags: openToRead}, &opened)
	return opened.Handle, err
}

// close does not wait for the answer: the next request skips it.
func (s *session) close(handle string) { _ = s.send(&closeMessage{s.next(), handle}) }

// read reads from the file's beginning to its end. Three quarters of the size that
// is expected are asked for at once, what is left one part after the other: asked for
// one past the end, the kernel writes the whole file anew. A file with a name has to
// be there under it: one under /proc that is open outlives its process.
func (s *session) read(name, handle string, expected int) (data []byte, err error) {
	size, requests := chunk, 1
	for {
		parts, err := s.parts(name, handle, len(data), size, requests)
		if err != nil {
			return nil, err
		}
		name = ""
		for _, part := range parts {
			data = append(data, part...)
		}
		last := len(parts[len(parts)-1])
		switch {
		case len(data) > MaxSize:
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxSize)
		case last == 0 || (size == chunk && ends(last)) || (size == step && last < step):
			return data, nil
		case last < size:
			size = step
		}
		if size == step {
			requests = max(1, (expected*3/4-len(data))/step)
		}
	}
}

// parts asks for as many parts of a file as requests, one after the other, all of
// them at once, and whether it is there under its name, where it has one. They may be
// answered in any order. The last part is empty where the file ended before it.
func (s *session) parts(name, handle string, from, size, requests int) ([][]byte, error) {
	first := s.last + 1
	var messages []any
	for i := range requests {
		messages = append(messages, &readMessage{s.next(), handle, uint64(from + i*size), uint32(size)})
	}
	if name != "" {
		messages = append(messages, &statMessage{s.next(), name})
	}
	if err := s.send(messages...); err != nil {
		return nil, err
	}
	parts := make([][]byte, requests)
	for range messages {
		id, packet, err := s.answer(first)
		if err != nil {
			return nil, err
		}
		if i := int(id - first); i < requests {
			parts[i], err = s.part(packet, size)
		} else {
			err = s.decode(packet, new(attributesMessage))
		}
		if err != nil {
			return nil, err
		}
	}
	for i, part := range parts[1:] {
		if len(part) > 0 && len(parts[i]) < size {
			return nil, s.breaks(errors.New("data after the end of the file"))
		}
	}
	return parts, nil
}

// part is what was read of a file: nothing past its end.
func (s *session) part(packet []byte, size int) ([]byte, error) {
	var got dataMessage
	err := s.decode(packet, &got)
	switch {
	case errors.Is(err, errEnd):
		return nil, nil
	case err != nil:
		return nil, err
	case len(got.Data) == 0 || len(got.Data) > size:
		return nil, s.breaks(fmt.Errorf("%d bytes of data, %d asked for", len(got.Data), size))
	}
	return got.Data, nil
}

const (
	// chunk is asked for first, in bytes: what every server grants.
	chunk = 32 << 10
	// page is the least that Linux hands out at once of a file under /proc, in
	// bytes, where there is more.
	page = 4 << 10
	// row is more than any row of /proc/net/tcp6 has, in bytes.
	row = 512
	// step is what Linux always hands out of such a file, to its end: where that
	// splits a row, the rest comes first the next time.
	step = page - row
)

// ends reports whether a read that brought n bytes has reached the end of the
// file. An ordinary file's is wherever less comes than was asked for. One that the
// kernel writes as it is read comes in as many whole rows as fit into a page or a
// few: there is more only where less than a row's room was left.
func ends(n int) bool { return n < chunk && page-n%page >= row && n%page != 0 }

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
