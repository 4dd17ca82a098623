package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// progressStream writes the JSON lines of a pull. The first line sends status 200, so an error after it is a line too.
type progressStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

type progressLine struct {
	Status   string          `json:"status,omitempty"`
	Detail   *progressDetail `json:"progressDetail,omitempty"`
	Progress string          `json:"progress,omitempty"`
	ID       string          `json:"id,omitempty"`
}

type progressDetail struct {
	Current int64 `json:"current,omitempty"`
	Total   int64 `json:"total,omitempty"`
}

func newProgressStream(w http.ResponseWriter) *progressStream {
	w.Header().Set("Content-Type", "application/json")
	return &progressStream{w: w, control: http.NewResponseController(w)}
}

// status writes a line about the whole pull.
func (s *progressStream) status(id, format string, args ...any) {
	s.line(progressLine{ID: id, Status: fmt.Sprintf(format, args...)})
}

// layer writes a line about a layer. It leaves out the figures if total is 0.
func (s *progressStream) layer(id, status string, current, total int64) {
	line := progressLine{ID: id, Status: status, Detail: &progressDetail{Current: current, Total: total}}
	if total > 0 {
		line.Progress = bar(current, total)
	}
	s.line(line)
}

func (s *progressStream) fail(err error) {
	s.line(map[string]any{"errorDetail": map[string]string{"message": err.Error()}, "error": err.Error()})
}

// line writes a line that ends in CRLF, as Docker does. It ignores errors, because the disconnect of a client ends the
// pull through the context of its request.
func (s *progressStream) line(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		return
	}
	_, _ = s.w.Write(append(text, '\r', '\n'))
	_ = s.control.Flush()
}

const barWidth = 50

func bar(current, total int64) string {
	done := int(barWidth * min(current, total) / total)
	return fmt.Sprintf("[%-*s]  %s/%s", barWidth+1, strings.Repeat("=", done)+">", size(current), size(total))
}

// size returns a number of bytes as Docker prints it, such as 1.234MB.
func size(n int64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"kB", "MB", "GB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	return fmt.Sprintf("%.4g%s", v, unit)
}

// progressStep is the number of bytes between two lines of progress.
const progressStep = 256 << 10

// meter writes to the stream how many bytes of a layer were read.
type meter struct {
	io.Reader
	read, told int64
	tell       func(current int64)
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.read += int64(n)
	if m.read-m.told >= progressStep {
		m.told = m.read
		m.tell(m.read)
	}
	return n, err
}
