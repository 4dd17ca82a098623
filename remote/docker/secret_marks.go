package docker

import "strings"

// marks are the bytes of a text that are to be struck. Secrets are looked for in the
// text without its line ends.
type marks struct {
	text   string
	joined string
	// origin is where each byte of joined is in text.
	origin []int
	// struck is by bytes of text.
	struck []bool
}

func newMarks(text string) *marks {
	m := &marks{text: text, struck: make([]bool, len(text)), origin: make([]int, 0, len(text))}
	var joined strings.Builder
	joined.Grow(len(text))
	for n := range len(text) {
		if c := text[n]; c != '\n' && c != '\r' {
			joined.WriteByte(c)
			m.origin = append(m.origin, n)
		}
	}
	m.joined = joined.String()
	return m
}

// line returns what follows in the same line, or up to the mark of what was left out.
func (m *marks) line(at int) string {
	rest := m.text[m.origin[at]:]
	if end := strings.IndexAny(rest, "\r\n…"); end >= 0 {
		rest = rest[:end]
	}
	rest, _, _ = strings.Cut(rest, "...")
	return rest
}

// mark marks bytes of the joined text, and the line ends between them. What is encoded
// goes on as far as its alphabet does, so that no byte that shares a character with the
// secret is left.
func (m *marks) mark(from, to int, encoded bool) {
	first, last := m.origin[from], m.origin[to-1]
	if encoded {
		for first > 0 && isBase64(m.text[first-1]) {
			first--
		}
		for last+1 < len(m.text) && (isBase64(m.text[last+1]) || m.text[last+1] == '=') {
			last++
		}
	}
	for n := first; n <= last; n++ {
		m.struck[n] = true
	}
}

func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("+/-_", c) >= 0
}

// strike returns the text with each run of marked bytes replaced.
func (m *marks) strike() string {
	var b strings.Builder
	b.Grow(len(m.text))
	for n := range len(m.text) {
		switch {
		case !m.struck[n]:
			b.WriteByte(m.text[n])
		case n == 0 || !m.struck[n-1]:
			b.WriteString(redacted)
		}
	}
	return b.String()
}
