package docker

import "strings"

// marks are the bytes of a text that will be replaced.
type marks struct {
	text   string
	struck []bool
	// encodedTo is where the last encoded text that was marked in the present view ends. It may hold many secrets, and
	// is searched only once.
	encodedTo int
}

// mark marks bytes of a view, and the bytes between them that the view left out. It extends an encoded text as far in
// its line as its alphabet does, so that no byte remains that shares a character with the secret.
func (m *marks) mark(v view, from, to int, encoded bool) {
	if encoded && to <= m.encodedTo {
		return
	}
	if encoded {
		for v.follows(from) && isBase64(v.text[from-1]) {
			from--
		}
		for to < len(v.text) && v.follows(to) && (isBase64(v.text[to]) || v.text[to] == '=') {
			to++
		}
		m.encodedTo = to
	}
	for n := v.from[from]; n < v.to[to-1]; n++ {
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
