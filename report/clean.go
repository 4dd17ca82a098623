package report

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest bounds a text that comes from elsewhere, in characters.
const longest = 2000

// Clean makes a text from elsewhere one harmless line: it removes escape sequences,
// control characters and what changes the direction of writing, breaks up what a CI
// system would run as a command, and masks credentials in the usual spellings. The
// mask is the last line of defence: whoever makes an error keeps secrets out of it.
func Clean(text string) string {
	text = text[:min(len(text), 20*longest)] // what is cut below need not be looked at
	text = strings.Join(strings.FieldsFunc(stripEscapes(text), unwanted), " ")
	return breakMarkers(mask(cut(text, longest)))
}

// CleanLines does the same to each line of a text and keeps the lines apart. It is
// for what is printed outside a [Writer], as errors are.
func CleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		lines[n] = mask(printable(line))
	}
	return strings.Join(lines, "\n")
}

// printable makes one line harmless to a terminal and to a CI system that runs
// commands it finds in a log. It keeps the line's layout.
func printable(line string) string {
	line = strings.Map(func(r rune) rune {
		if r != '\t' && unwanted(r) {
			return ' '
		}
		return r
	}, stripEscapes(strings.TrimSuffix(line, "\r")))
	return breakCommand(breakMarkers(line))
}

// breakMarkers keeps GitHub's runner from running ##[command], which it finds
// anywhere in a line.
func breakMarkers(text string) string { return strings.ReplaceAll(text, "##[", "## [") }

// breakCommand keeps the runner from running ::command::, which it finds at the start
// of a line, after white space too.
func breakCommand(line string) string {
	text := strings.TrimLeftFunc(line, unicode.IsSpace)
	if !strings.HasPrefix(text, "::") {
		return line
	}
	return line[:len(line)-len(text)] + ": :" + text[len("::"):]
}

// unwanted reports whether a character separates words or drives a terminal.
func unwanted(r rune) bool {
	if r < utf8.RuneSelf { // nearly all of it, and the tables below are slow
		return r <= ' ' || r == 0x7f
	}
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError || r == byteOrderMark ||
		unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

// byteOrderMark at the start of a stream is skipped by many readers, so that it would
// hide a command at the start of a line.
const byteOrderMark = '\ufeff'

// stripEscapes removes ANSI escape sequences (ECMA-48), also those that are cut
// off or begin with an eight-bit control character.
func stripEscapes(text string) string {
	if !strings.ContainsFunc(text, beginsEscape) {
		return text
	}
	var b strings.Builder
	for rest := []rune(text); len(rest) > 0; {
		if n := escapeLength(rest); n > 0 {
			if rest[n-1] != 'm' { // colours stand inside words, cursor movements between them
				b.WriteByte(' ')
			}
			rest = rest[n:]
			continue
		}
		b.WriteRune(rest[0])
		rest = rest[1:]
	}
	return b.String()
}

// beginsEscape reports whether an escape sequence may begin with this character.
func beginsEscape(r rune) bool { return r == 0x1b || (r >= 0x80 && r <= 0x9f) }

// escapeLength is how many characters the escape sequence at the start of text
// has, 0 when there is none.
func escapeLength(text []rune) int {
	switch first := text[0]; {
	case first == 0x1b && len(text) == 1:
		return 1
	case first == 0x1b && text[1] == '[':
		return 2 + controlLength(text[2:])
	case first == 0x1b && strings.ContainsRune("]PX^_", text[1]):
		return 2 + stringLength(text[2:])
	case first == 0x1b:
		return 1 + otherLength(text[1:])
	case first == 0x9b:
		return 1 + controlLength(text[1:])
	case first == 0x9d, first == 0x90, first == 0x98, first == 0x9e, first == 0x9f:
		return 1 + stringLength(text[1:])
	default:
		return 0
	}
}

// controlLength counts parameters, intermediates and the final character of a
// control sequence.
func controlLength(text []rune) int {
	for i, r := range text {
		if r < 0x20 || r > 0x3f {
			if r >= 0x40 && r <= 0x7e {
				return i + 1
			}
			return i
		}
	}
	return len(text)
}

// stringLength counts a control string up to its terminator. One that a line
// end cuts off ends there: the rest of a log must not be swallowed.
func stringLength(text []rune) int {
	for i, r := range text {
		switch {
		case r == 0x07, r == 0x9c:
			return i + 1
		case r == 0x1b && i+1 < len(text) && text[i+1] == '\\':
			return i + 2
		case r == '\n', r == 0x1b:
			return i
		}
	}
	return len(text)
}

// otherLength counts intermediates and the final character of a short sequence.
func otherLength(text []rune) int {
	for i, r := range text {
		if r < 0x20 || r > 0x2f {
			if r >= 0x30 && r <= 0x7e {
				return i + 1
			}
			return i
		}
	}
	return len(text)
}

// cut shortens text to n characters, the last of them an ellipsis.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// credential is one of the usual spellings. A text without any of the hints, which
// are in lower case, need not be matched: most texts need not.
type credential struct {
	hints   []string
	pattern *regexp.Regexp
}

var credentials = []credential{
	{[]string{"://"}, regexp.MustCompile(`(://[^/\s:@]*:)[^/\s@]+(@)`)},
	{[]string{"ic ", "er "}, regexp.MustCompile(`(?i)(\b(?:basic|bearer) )[a-z0-9+/=._~-]{8,}()`)},
	{[]string{"="}, regexp.MustCompile(`(?i)(\b[\w-]*(?:password|passwd|secret|token|api_?key|access_?key|private_?key)[\w-]*=)[^\s;,]+()`)},
	{[]string{`" :`, `":`}, regexp.MustCompile(`(?i)("[\w-]*(?:password|passwd|secret|token|api_?key|access_?key|private_?key)[\w-]*" ?: ?")[^"]+()`)},
}

func mask(text string) string {
	lower := strings.ToLower(text)
	for _, c := range credentials {
		if c.hinted(lower) {
			text = c.pattern.ReplaceAllString(text, "${1}***${2}")
		}
	}
	return text
}

func (c credential) hinted(lower string) bool {
	return slices.ContainsFunc(c.hints, func(hint string) bool { return strings.Contains(lower, hint) })
}
