package docker

import (
	"html"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// view is a text in which escapes are decoded, and which has no line ends.
type view struct {
	text string
	// from and to are where each byte of text is in the original.
	from, to []int
}

// decoder returns the text that the escape at the start of a text stands for, and the length of the escape, which is 0
// if there is none.
type decoder func(text string) (plain string, n int)

// decoders returns the decoders of URLs' paths and queries, of JSON and the languages with the same escapes, of HTML
// and of shells.
func decoders() []decoder {
	return []decoder{decodePercent, decodeQuery, decodeBackslash, decodeHTML, decodeShell}
}

// escapedAtMost is how many times a text is decoded at most, because programs may escape what is escaped already.
const escapedAtMost = 2

// eachView visits the text as it is, and as programs escaped it once and twice, in each way that changes anything. It
// holds few views at a time, because a log may be large.
func eachView(text string, visit func(view)) {
	whole := view{text: text, from: make([]int, len(text)), to: make([]int, len(text))}
	for n := range len(text) {
		whole.from[n], whole.to[n] = n, n+1
	}
	raw, _ := whole.decoded(func(string) (string, int) { return "", 0 })
	visit(raw)
	whole.decodings(escapedAtMost, visit)
}

// decodings visits what a view decodes to, at most as many times as given.
func (v view) decodings(times int, visit func(view)) {
	if times == 0 {
		return
	}
	for _, decode := range decoders() {
		if d, changed := v.decoded(decode); changed {
			visit(d)
			d.decodings(times-1, visit)
		}
	}
}

// decoded decodes a view, and leaves line ends out.
func (v view) decoded(decode decoder) (d view, changed bool) {
	var text strings.Builder
	text.Grow(len(v.text))
	d.from, d.to = make([]int, 0, len(v.text)), make([]int, 0, len(v.text))
	for at := 0; at < len(v.text); {
		plain, n := decode(v.text[at:])
		if n == 0 {
			plain, n = v.text[at:at+1], 1
		} else {
			changed = true
		}
		for i := range len(plain) {
			if plain[i] != '\n' && plain[i] != '\r' {
				text.WriteByte(plain[i])
				d.from, d.to = append(d.from, v.from[at]), append(d.to, v.to[at+n-1])
			}
		}
		at += n
	}
	d.text = text.String()
	return d, changed
}

// follows reports whether nothing was left out before a byte of the view.
func (v view) follows(at int) bool { return at > 0 && v.from[at] <= v.to[at-1] }

// ends reports whether a line ends before a byte of the view, or was shortened there.
func (v view) ends(at int) bool {
	return at == len(v.text) || !v.follows(at) || strings.HasPrefix(v.text[at:], "…") || strings.HasPrefix(v.text[at:], "...")
}

func decodePercent(text string) (string, int) {
	if text[0] != '%' {
		return "", 0
	}
	return hexByte(text, 1)
}

func decodeQuery(text string) (string, int) {
	if text[0] == '+' {
		return " ", 1
	}
	return decodePercent(text)
}

// hexByte parses the two digits that follow an escape's first bytes.
func hexByte(text string, after int) (string, int) {
	code, n := digits(text, after, 2)
	if n == 0 {
		return "", 0
	}
	return string([]byte{byte(code)}), n
}

// digits parses as many hexadecimal digits as given. n is where they end.
func digits(text string, after, count int) (code uint32, n int) {
	if len(text) < after+count {
		return 0, 0
	}
	parsed, err := strconv.ParseUint(text[after:after+count], 16, 32)
	if err != nil {
		return 0, 0
	}
	return uint32(parsed), after + count
}

func decodeBackslash(text string) (string, int) {
	if text[0] != '\\' || len(text) < 2 {
		return "", 0
	}
	if at := strings.IndexByte("\"'`/\\nrtbfav", text[1]); at >= 0 {
		return "\"'`/\\\n\r\t\b\f\a\v"[at : at+1], 2
	}
	switch text[1] {
	case 'x':
		return hexByte(text, 2)
	case 'u':
		return decodeUTF16(text)
	case 'U':
		if code, n := digits(text, 2, 8); n > 0 {
			return string(rune(code)), n
		}
	}
	return "", 0
}

// decodeUTF16 decodes \uXXXX. Some characters need two of them.
func decodeUTF16(text string) (string, int) {
	code, n := digits(text, 2, 4)
	if n == 0 {
		return "", 0
	}
	if utf16.IsSurrogate(rune(code)) && strings.HasPrefix(text[n:], `\u`) {
		if second, more := digits(text[n:], 2, 4); more > 0 {
			if pair := utf16.DecodeRune(rune(code), rune(second)); pair != utf8.RuneError {
				return string(pair), n + more
			}
		}
	}
	return string(rune(code)), n
}

// longestEntity is the length of "&thetasym;". No character with a longer name is in a secret.
const longestEntity = 10

func decodeHTML(text string) (string, int) {
	if text[0] != '&' {
		return "", 0
	}
	end := strings.IndexByte(text[:min(len(text), longestEntity)], ';')
	if end < 0 {
		return "", 0
	}
	if plain := html.UnescapeString(text[:end+1]); plain != text[:end+1] {
		return plain, end + 1
	}
	return "", 0
}

// decodeShell reads a quote within single quotes, as shells and as Python's shlex write it, and what follows a
// backslash: a byte in three octal digits, or anything but a letter or a digit.
func decodeShell(text string) (string, int) {
	for _, quote := range []string{`'\''`, `'"'"'`} {
		if strings.HasPrefix(text, quote) {
			return "'", len(quote)
		}
	}
	if text[0] != '\\' || len(text) < 2 {
		return "", 0
	}
	if len(text) >= 4 {
		if code, err := strconv.ParseUint(text[1:4], 8, 8); err == nil {
			return string([]byte{byte(code)}), 4
		}
	}
	if c := text[1]; c < utf8.RuneSelf && !unicode.IsLetter(rune(c)) && !unicode.IsDigit(rune(c)) {
		return text[1:2], 2
	}
	return "", 0
}
