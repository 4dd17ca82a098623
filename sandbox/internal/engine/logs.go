package engine

import (
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// logOptions are the query parameters of a log request.
type logOptions struct {
	stdout, stderr, follow, timestamps bool

	tail         int // lines, -1 for all
	since, until time.Time
	raw          bool // a terminal's output has no frames
}

func parseLogOptions(r *http.Request) (logOptions, error) {
	o := logOptions{
		stdout: flag(r, "stdout"), stderr: flag(r, "stderr"), follow: flag(r, "follow"), timestamps: flag(r, "timestamps"),
		tail: -1,
	}
	if !o.stdout && !o.stderr {
		return o, badRequest("Bad parameters: you must choose at least one stream")
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("tail")); err == nil && n >= 0 {
		o.tail = n
	}
	for name, into := range map[string]*time.Time{"since": &o.since, "until": &o.until} {
		text := r.URL.Query().Get(name)
		if text == "" || text == "0" {
			continue
		}
		t, err := parseMoment(text, time.Now())
		if err != nil {
			return o, err
		}
		*into = t
	}
	return o, nil
}

// parseMoment parses a Unix time, RFC 3339 or a duration before now.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, badRequest("invalid time %q", text)
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}, badRequest("invalid time %q", text)
	}
	return time.Unix(seconds, nanos), nil
}

func (o logOptions) includes(l logLine) bool {
	return ((l.from == stdout && o.stdout) || (l.from == stderr && o.stderr)) &&
		!l.at.Before(o.since) && (o.until.IsZero() || !l.at.After(o.until))
}

func (h *containerAPI) logs(w http.ResponseWriter, r *http.Request) error {
	h.containers.mu.Lock()
	c, err := h.containers.find(r.PathValue("id"))
	h.containers.mu.Unlock()
	if err != nil {
		return err
	}
	o, err := parseLogOptions(r)
	if err != nil {
		return err
	}
	o.raw = c.config.Tty
	w.Header().Set("Content-Type", "application/vnd.docker.multiplexed-stream")
	if o.raw {
		w.Header().Set("Content-Type", "application/vnd.docker.raw-stream")
	}
	h.streamLogs(w, r, c, o)
	return nil
}

// streamLogs writes the lines that exist. With follow it continues with new lines until the container stops.
func (h *containerAPI) streamLogs(w http.ResponseWriter, r *http.Request, c *unit, o logOptions) {
	control := http.NewResponseController(w)
	position, first := 0, true
	for {
		h.containers.mu.Lock()
		running, stateChanged := c.running(), c.changed
		h.containers.mu.Unlock()
		lines, next, changed, closed := c.logs.since(position)
		position = next
		selected := o.pick(lines, first)
		first = false
		for _, l := range selected {
			if err := o.write(w, l); err != nil {
				return
			}
		}
		if err := control.Flush(); err != nil || !o.follow || closed || !running {
			return
		}
		select {
		case <-changed:
		case <-stateChanged:
		case <-r.Context().Done():
			return
		}
	}
}

// pick returns the requested lines. tail applies only to the lines that existed when the request came, which are the
// first part.
func (o logOptions) pick(lines []logLine, first bool) []logLine {
	var picked []logLine
	for _, l := range lines {
		if o.includes(l) {
			picked = append(picked, l)
		}
	}
	if first && o.tail >= 0 && len(picked) > o.tail {
		picked = picked[len(picked)-o.tail:]
	}
	return picked
}

// logTime is RFC 3339 with nine digits for the fraction of a second, as in Docker.
const logTime = "2006-01-02T15:04:05.000000000Z07:00"

func (o logOptions) write(w io.Writer, l logLine) error {
	text := l.text
	if o.timestamps {
		text = append([]byte(l.at.Format(logTime)+" "), text...)
	}
	if o.raw {
		_, err := w.Write(text)
		return err
	}
	header := [8]byte{0: byte(l.from)}
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	_, err := w.Write(append(header[:], text...))
	return err
}
