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

// formsOf returns the forms of a part that are looked for in the views of a text: as it is,
// and encoded, itself or escaped.
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

// escapes returns a text as JSON, Go and URLs have it within their quotes. Most texts are in
// none of them other than they are.
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

// component is the text as JavaScript's encodeURIComponent and most other languages'
// functions have it.
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

// within returns what is within the quotes.
func within(quoted string) string { return quoted[1 : len(quoted)-1] }

// encodings returns a text in base64, wherever in an encoded text it is, and in
// hexadecimal and decimal digits.
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

// base64Core returns the characters of a text in base64 that depend on it alone, with so
// many other bytes before it, modulo 3. The first and the last may hold bits of others.
func base64Core(text string, before int) string {
	encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + text))
	if (before+len(text))%3 != 0 {
		encoded = encoded[:len(encoded)-1]
	}
	return encoded[[...]int{0, 2, 3}[before]:]
}
