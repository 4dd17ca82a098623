package docker

import (
	"slices"
	"strings"
)

// minSecret is how many bytes a value, or a part of one, must have to be replaced. A shorter one is also a part of
// ordinary words, so that nothing readable would remain.
const minSecret = 6

const redacted = "[redacted]"

// Secrets removes the values of an environment from text, such as a container's log: each value of at least 6 bytes,
// and each part of it that is as long, in every form in which programs print it. The parts are texts within quotes, the
// password and the secrets of a URL, the elements of a list, the settings of a connection string and the texts of JSON.
// The forms are those of JSON, Go's %q, shells, HTML, URLs, base64 and hexadecimal digits. Words that reveal nothing,
// such as "production" and "warning", stay. The README states what is promised to users.
//
// The zero value removes nothing. Secrets is safe for use by several goroutines.
type Secrets struct {
	parts []string
	forms []form
	// byHead maps the first minSecret bytes of a form to the indexes of the forms that begin with them.
	byHead map[string][]int
	// begins holds the first two bytes of every form, because no form begins in most of a text.
	begins [1 << 16 / 64]uint64
}

// form is one way in which a part is printed, without its line ends.
type form struct {
	text string
	// encoded is set for base64, in which the characters beside a form belong to it.
	encoded bool
}

// NewSecrets returns the secrets of variables, each KEY=VALUE as in an env file.
func NewSecrets(variables []string) *Secrets {
	s := &Secrets{byHead: map[string][]int{}}
	found := parts{}
	for _, variable := range variables {
		_, value, _ := strings.Cut(variable, "=")
		found.add(value, 0)
	}
	known := map[string]bool{}
	for part := range found {
		if isSecret(part) {
			s.parts = append(s.parts, part)
		}
	}
	slices.Sort(s.parts)
	for _, part := range s.parts {
		for _, f := range formsOf(part) {
			f.text = withoutLineEnds(f.text)
			if len(f.text) >= minSecret && !known[f.text] {
				known[f.text] = true
				s.learn(f)
			}
		}
	}
	return s
}

func (s *Secrets) learn(f form) {
	head := f.text[:minSecret]
	s.byHead[head] = append(s.byHead[head], len(s.forms))
	s.forms = append(s.forms, f)
	pair := pairOf(f.text)
	s.begins[pair/64] |= 1 << (pair % 64)
}

func pairOf(text string) int { return int(text[0])<<8 | int(text[1]) }

// Values returns the values and their parts, without their other forms. It is for a system that masks values and their
// forms itself.
func (s *Secrets) Values() []string { return slices.Clone(s.parts) }

// Strike replaces every secret in the text. A secret may be spread over lines, as long base64 is. One that is cut off
// is replaced too if at least 6 bytes of it are left: at the end of a line, because programs shorten lines, and at the
// start of the text, because a log is read from somewhere in its middle.
func (s *Secrets) Strike(text string) string {
	if len(s.forms) == 0 || len(text) < minSecret {
		return text
	}
	m := &marks{text: text, struck: make([]bool, len(text))}
	eachView(text, func(v view) { s.search(m, v) })
	return m.strike()
}

// search marks every form in a view.
func (s *Secrets) search(m *marks, v view) {
	m.encodedTo = 0
	s.markHead(m, v)
	for at := 0; at+minSecret <= len(v.text); at++ {
		if pair := pairOf(v.text[at:]); s.begins[pair/64]&(1<<(pair%64)) == 0 {
			continue
		}
		for _, n := range s.byHead[v.text[at:at+minSecret]] {
			s.mark(m, v, at, s.forms[n])
		}
	}
}

// mark marks a form that begins at a place of a view, whole or cut off at the line's end.
func (s *Secrets) mark(m *marks, v view, at int, f form) {
	same := 0
	for same < len(f.text) && at+same < len(v.text) && f.text[same] == v.text[at+same] {
		same++
	}
	if same == len(f.text) {
		m.mark(v, at, at+same, f.encoded)
		return
	}
	for ; same >= minSecret; same-- {
		if v.ends(at + same) {
			m.mark(v, at, at+same, false)
			return
		}
	}
}

// markHead marks the end of a secret at the start of the text.
func (s *Secrets) markHead(m *marks, v view) {
	if len(v.text) < minSecret {
		return
	}
	head := v.text[:minSecret]
	for _, f := range s.forms {
		for from := 1; from < len(f.text); from++ {
			n := strings.Index(f.text[from:], head)
			if n < 0 {
				break
			}
			from += n
			if tail := f.text[from:]; strings.HasPrefix(v.text, tail) {
				m.mark(v, 0, len(tail), f.encoded)
			}
		}
	}
}

func withoutLineEnds(text string) string {
	if !strings.ContainsAny(text, "\r\n") {
		return text
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(text)
}
