package docker

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// formsOf returns the forms in which programs print a part: as it is, escaped once or
// twice, and each of those but the last encoded.
func formsOf(part string) []form {
	once := map[string]bool{part: true}
	for _, escaped := range escapes(part) {
		once[escaped] = true
	}
	var forms []form
	for text := range once {
		forms = append(forms, form{text: text})
		for _, twice := range escapes(text) {
			forms = append(forms, form{text: twice})
		}
		forms = append(forms, encodings(text)...)
	}
	return forms
}

// escapes returns a text as JSON, Go, shells, HTML and URLs have it within their quotes.
// Most texts are in none of them other than they are.
func escapes(text string) []string {
	if !strings.ContainsFunc(text, isEscaped) {
		return nil
	}
	all := []string{
		inJSON(text, true), inJSON(text, false), within(strconv.Quote(text)), within(strconv.QuoteToASCII(text)),
		strings.ReplaceAll(text, "/", `\/`), strings.ReplaceAll(inJSON(text, false), "/", `\/`),
		strings.ReplaceAll(text, "'", `'\''`), strings.ReplaceAll(text, "'", `\'`), html.EscapeString(text),
		url.UserPassword("", text).String()[len(":"):],
	}
	for _, escaped := range []string{url.QueryEscape(text), url.PathEscape(text), component(text)} {
		all = append(all, escaped, percents.ReplaceAllStringFunc(escaped, strings.ToLower))
	}
	return all
}

// isEscaped reports whether any of the escapes changes a character.
func isEscaped(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
}

// percents are the escapes of a URL, whose digits some write in lower case.
var percents = regexp.MustCompile(`%[0-9A-F]{2}`)

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
		{text: url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(text)))},
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
