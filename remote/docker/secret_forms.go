package docker

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// formsOf returns the forms of a part that are searched for in the views of a text: the part as it is, and encoded,
// each also escaped.
func formsOf(part string) []form {
	forms := append([]form{{text: part}}, encodings(part)...)
	once := map[string]bool{part: true}
	for _, escaped := range escapes(part) {
		if !once[escaped] {
			once[escaped] = true
			forms = append(forms, encodings(escaped)...)
		}
	}
	return forms
}

// escapes returns a text as JSON, Go and URLs write it within their quotes. Most texts are the same in all of them.
func escapes(text string) []string {
	if !strings.ContainsFunc(text, isEscaped) {
		return nil
	}
	return []string{
		inJSON(text, true), inJSON(text, false), within(strconv.Quote(text)), within(strconv.QuoteToASCII(text)),
		strings.ReplaceAll(inJSON(text, false), "/", `\/`), url.QueryEscape(text), url.PathEscape(text), component(text),
	}
}

// isEscaped reports whether any of the escapes changes a character.
func isEscaped(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
}

// component escapes the text as JavaScript's encodeURIComponent and the functions of most other languages do.
func component(text string) string {
	return strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(url.QueryEscape(text))
}

func inJSON(text string, escapeHTML bool) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(escapeHTML)
	_ = encoder.Encode(text) // a string always encodes
	return within(strings.TrimSuffix(b.String(), "\n"))
}

// within returns the text within the quotes.
func within(quoted string) string { return quoted[1 : len(quoted)-1] }

// encodings returns a text in base64, at every offset that it can have in an encoded text, and in hexadecimal and
// decimal digits.
func encodings(text string) []form {
	digits := hex.EncodeToString([]byte(text))
	forms := []form{
		{text: digits}, {text: strings.ToUpper(digits)},
		{text: strings.Trim(fmt.Sprint([]byte(text)), "[]")}, // Go's %v of bytes
	}
	for before := range 3 {
		core := base64Core(text, before)
		forms = append(forms, form{core, true}, form{strings.NewReplacer("+", "-", "/", "_").Replace(core), true})
	}
	return forms
}

// base64Core returns those characters of a text in base64 that depend on the text alone, if before it there are as many
// other bytes, modulo 3. The first and the last character may hold bits of others.
func base64Core(text string, before int) string {
	encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + text))
	if (before+len(text))%3 != 0 {
		encoded = encoded[:len(encoded)-1]
	}
	return encoded[[...]int{0, 2, 3}[before]:]
}
