package remote

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/crypto/ssh"
)

// Messages, as the ssh package marshals them: its types of fields are SFTP's.
type (
	initMessage struct {
		Version uint32 `sshtype:"1"`
	}
	versionMessage struct {
		Version    uint32 `sshtype:"2"`
		Extensions []byte `ssh:"rest"`
	}
	openMessage struct {
		ID         uint32 `sshtype:"3"`
		Name       string
		Flags      uint32
		Attributes uint32
	}
	closeMessage struct {
		ID     uint32 `sshtype:"4"`
		Handle string
	}
	readMessage struct {
		ID     uint32 `sshtype:"5"`
		Handle string
		Offset uint64
		Length uint32
	}
	statMessage struct {
		ID   uint32 `sshtype:"17"`
		Name string
	}
	statusMessage struct {
		ID   uint32 `sshtype:"101"`
		Code uint32
		Text []byte `ssh:"rest"`
	}
	handleMessage struct {
		ID     uint32 `sshtype:"102"`
		Handle string
	}
	dataMessage struct {
		ID   uint32 `sshtype:"103"`
		Data []byte
		Rest []byte `ssh:"rest"`
	}
	attributesMessage struct {
		ID         uint32 `sshtype:"105"`
		Attributes []byte `ssh:"rest"`
	}
	statVFSMessage struct {
		ID              uint32 `sshtype:"200"`
		Extension, Name string
	}
	vfsMessage struct {
		ID                                  uint32 `sshtype:"201"`
		BlockSize, FragmentSize             uint64
		Blocks, BlocksFree, BlocksAvailable uint64
		Rest                                []byte `ssh:"rest"`
	}
)

const (
	sftpVersion = 3
	// typeStatus is statusMessage's.
	typeStatus = 101
	// openToRead is SSH_FXF_READ.
	openToRead = 1
	// extStatVFS is OpenSSH's extension.
	extStatVFS = "statvfs@openssh.com"
	// maxPacket is more than any server answers with, in bytes.
	maxPacket = 256 << 10
)

// ask sends the request that bears the last ID and reads its answer.
func (s *session) ask(request, answer any) error {
	if err := s.send(request); err != nil {
		return err
	}
	_, packet, err := s.answer(s.last)
	if err != nil {
		return err
	}
	return s.decode(packet, answer)
}

// answer reads the next answer to one of the requests from first to the last one.
// Those to requests before nobody waits for.
func (s *session) answer(first uint32) (request uint32, packet []byte, err error) {
	for {
		packet, err := s.packet()
		if err != nil {
			return 0, nil, err
		}
		if id := binary.BigEndian.Uint32(packet[1:]); id-first <= s.last-first {
			return id, packet, nil
		}
	}
}

// decode fills in the answer. A status is an error: none of these requests is
// answered by a good one.
func (s *session) decode(packet []byte, answer any) error {
	var status statusMessage
	if packet[0] == typeStatus && ssh.Unmarshal(packet, &status) == nil {
		return statusError(status)
	}
	if err := ssh.Unmarshal(packet, answer); err != nil {
		return s.breaks(err)
	}
	return nil
}

// send sends messages in one go.
func (s *session) send(messages ...any) error {
	var all []byte
	for _, message := range messages {
		body := ssh.Marshal(message)
		all = binary.BigEndian.AppendUint32(all, uint32(len(body)))
		all = append(all, body...)
	}
	if _, err := s.channel.Write(all); err != nil {
		return s.breaks(err)
	}
	return nil
}

// packet reads one packet: a type, an ID or a version, and more.
func (s *session) packet() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(s.channel, size[:]); err != nil {
		return nil, s.breaks(err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 5 || n > maxPacket {
		return nil, s.breaks(fmt.Errorf("a packet of %d bytes", n))
	}
	packet := make([]byte, n)
	if _, err := io.ReadFull(s.channel, packet); err != nil {
		return nil, s.breaks(err)
	}
	return packet, nil
}

// breaks gives the session up. Its end is not a file's.
func (s *session) breaks(why error) error {
	if errors.Is(why, io.EOF) {
		why = io.ErrUnexpectedEOF
	}
	s.broken = fmt.Errorf("SFTP session: %w", why)
	return s.broken
}

// errEnd is SSH_FX_EOF.
var errEnd = errors.New("end of file")

// statusError is what a status means.
func statusError(status statusMessage) error {
	switch status.Code {
	case 1:
		return errEnd
	case 2:
		return fs.ErrNotExist
	case 3:
		return fs.ErrPermission
	case 8:
		return ErrUnsupported
	}
	var text struct {
		Message string
		Rest    []byte `ssh:"rest"`
	}
	_ = ssh.Unmarshal(status.Text, &text) // a server may leave it out
	return fmt.Errorf("SFTP status %d: %.80q", status.Code, text.Message)
}
