package report

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// longest bounds a text that comes from elsewhere, in terminal cells.
const longest = 2000

// Clean makes a text from elsewhere one harmless line. It removes escape sequences, control characters and characters
// that change the direction of writing, breaks up what a CI system would run as a command, and masks credentials in the
// usual spellings. The mask is only the last line of defence: the code that makes an error keeps secrets out of it.
func Clean(text string) string {
	text = text[:min(len(text), 20*longest)] // the rest would be cut off below
	text = strings.Join(strings.FieldsFunc(stripEscapes(text), unwanted), " ")
	return breakMarkers(mask(cut(text, longest)))
}

// CleanLines does the same to each line of a text and keeps the lines apart. It is for text that is printed without a
// [Writer], such as errors.
func CleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		lines[n] = mask(printable(line))
	}
	return strings.Join(lines, "\n")
}

// printable makes one line harmless to a terminal and to a CI system that runs commands which it finds in a log. It
// keeps the line's layout.
func printable(line string) string {
	line = strings.Map(func(r rune) rune {
		if r != '\t' && unwanted(r) {
			return ' '
		}
		return r
	}, stripEscapes(strings.TrimSuffix(line, "\r")))
	return breakCommand(breakMarkers(line))
}

// breakMarkers keeps GitHub's runner from running ##[command], which it finds anywhere in a line.
func breakMarkers(text string) string { return strings.ReplaceAll(text, "##[", "## [") }

// breakCommand keeps the runner from running ::command::, which it finds at the start of a line, also after white
// space.
func breakCommand(line string) string {
	text := strings.TrimLeftFunc(line, unicode.IsSpace)
	if !strings.HasPrefix(text, "::") {
		return line
	}
	return line[:len(line)-len(text)] + ": :" + text[len("::"):]
}

// unwanted reports whether a character separates words or drives a terminal.
func unwanted(r rune) bool {
	if r < utf8.RuneSelf { // nearly every character is, and the tables below are slow
		return r <= ' ' || r == 0x7f
	}
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError || r == byteOrderMark ||
		unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

// byteOrderMark is skipped by many readers at the start of a stream, so that it would hide a command at the start of a
// line.
const byteOrderMark = '\ufeff'

// escape begins an escape sequence.
const escape = '\x1b'

// stripEscapes removes ANSI escape sequences (ECMA-48), also those that are cut off or begin with an eight-bit control
// character. It puts a space where a sequence was that moves the cursor, because such a sequence separates words. Those
// of colours stand inside of words. A sequence that is not terminated ends with its line, so that the rest of a log is
// not swallowed.
func stripEscapes(text string) string {
	if !strings.ContainsFunc(text, beginsEscape) {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(sevenBit(text)) {
		for len(line) > 0 {
			part, _, n, _ := ansi.DecodeSequence(line, ansi.NormalState, nil)
			switch {
			case part[0] != escape:
				b.WriteString(part)
			case !strings.HasSuffix(part, "m"):
				b.WriteByte(' ')
			}
			line = line[n:]
		}
	}
	return b.String()
}

// beginsEscape reports whether an escape sequence may begin with this character.
func beginsEscape(r rune) bool { return r == escape || isEightBit(r) }

// isEightBit reports whether r is one of the control characters that stand for an escape and a letter.
func isEightBit(r rune) bool { return r >= 0x80 && r <= 0x9f }

// sevenBit replaces each eight-bit control character by an escape and a letter, the form that the library decodes.
func sevenBit(text string) string {
	var b strings.Builder
	for _, r := range text {
		if isEightBit(r) {
			b.WriteRune(escape)
			r -= 0x40
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cut shortens text to a width in terminal cells, of which the last is an ellipsis.
func cut(text string, width int) string { return ansi.Truncate(text, width, "…") }

// credential is one of the usual spellings. A text without any of the hints, which are in lower case, need not be
// matched, and most texts have none.
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
