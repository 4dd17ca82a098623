package s3api

import (
	"bufio"
	"crypto/md5" // for Content-MD5
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
)

var errChunk = errors.New("malformed chunk")

func newLines(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// chunks decodes the SDK's own transfer coding, aws-chunked: chunks of "size;chunk-signature=…", and then trailers, which
// it adds to header.
type chunks struct {
	source *bufio.Reader
	header http.Header
	left   int64
	ended  bool
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.left == 0 && !c.ended {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if c.ended {
		return 0, io.EOF
	}
	n, err := c.source.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.left == 0 && err == nil {
		_, err = c.line() // the line break after the chunk
	}
	return n, noEOF(err)
}

// next reads the head of a chunk, and the trailers after the last one.
func (c *chunks) next() error {
	head, err := c.line()
	if err != nil {
		return noEOF(err)
	}
	size, _, _ := strings.Cut(head, ";")
	c.left, err = strconv.ParseInt(size, 16, 64)
	if err != nil || c.left < 0 {
		return errChunk
	}
	if c.left > 0 {
		return nil
	}
	c.ended = true
	for {
		trailer, err := c.line()
		if trailer == "" {
			return nil // the body may end with the trailers
		}
		if name, value, ok := strings.Cut(trailer, ":"); ok {
			c.header.Set(name, strings.TrimSpace(value))
		}
		if err != nil {
			return nil
		}
	}
}

func (c *chunks) line() (string, error) {
	line, err := c.source.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// checkDigests compares the body with the digests in the request's header.
func checkDigests(h http.Header, body []byte) *apiError {
	md := md5.Sum(body)
	sha := sha256.Sum256(body)
	for name, sum := range map[string][]byte{
		"Content-Md5":           md[:],
		"X-Amz-Checksum-Sha256": sha[:],
		"X-Amz-Checksum-Crc32":  binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)),
	} {
		if want := h.Get(name); want != "" && want != base64.StdEncoding.EncodeToString(sum) {
			return &apiError{code: "BadDigest", message: "The " + name + " you specified did not match what we received.", status: http.StatusBadRequest}
		}
	}
	return nil
}
