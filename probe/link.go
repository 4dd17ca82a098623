package probe

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxAnswer bounds the size of an answer in bytes, its header included.
const maxAnswer = 1 << 20

// link is one connection to the server.
type link struct {
	conn  net.Conn
	limit *io.LimitedReader
	read  *bufio.Reader
}

func newLink(conn net.Conn) *link {
	limit := &io.LimitedReader{R: conn}
	return &link{conn: conn, limit: limit, read: bufio.NewReaderSize(limit, 2048)}
}

func (l *link) close() {
	if l != nil {
		_ = l.conn.Close()
	}
}

// answer is a good answer. commit is the one that it names, if any.
type answer struct {
	commit   string
	reusable bool
}

// exchange sends a request and reads its answer.
func (l *link) exchange(request []byte, deadline time.Time) (answer, fault) {
	if err := l.conn.SetDeadline(deadline); err != nil {
		return answer{}, brokenFault(err)
	}
	if _, err := l.conn.Write(request); err != nil {
		return answer{}, brokenFault(err)
	}
	l.limit.N = maxAnswer
	if _, err := l.read.Peek(1); err != nil {
		return answer{}, unansweredFault(err)
	}
	a, err := l.answer()
	if l.limit.N <= 0 {
		return answer{}, badAnswer
	}
	return a, err
}

func (l *link) answer() (answer, fault) {
	response, err := http.ReadResponse(l.read, nil)
	if err != nil {
		return answer{}, answerFault(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, answerFault(err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return answer{}, fault(fmt.Sprintf("status %d", response.StatusCode))
	}
	// Bytes after the answer belong to no request, so that a later answer could not be matched to its request.
	reusable := !response.Close && l.read.Buffered() == 0
	return answer{commit: commitOf(body), reusable: reusable}, ""
}

// commitOf returns the commit that a JSON answer names, or "".
func commitOf(body []byte) string {
	var named struct {
		Commit string `json:"commit"`
	}
	if json.Unmarshal(body, &named) != nil {
		return ""
	}
	return named.Commit
}
