package docker

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// deepest limits parts of parts, such as a URL in a list in JSON in quotes.
const deepest = 6

// opaque is the length in bytes from which a part of a URL that need not be secret, such as a user, a segment of the
// path or a query's value, is replaced as a token.
const opaque = 16

// parts are a value and those parts of it that programs print alone.
type parts map[string]bool

// add adds a text and its parts.
func (p parts) add(text string, depth int) {
	if len(text) < minSecret || p[text] || depth > deepest {
		return
	}
	p[text] = true
	depth++
	trimmed := strings.TrimSpace(text)
	p.add(trimmed, depth)
	p.add(strings.TrimFunc(trimmed, wraps), depth)
	p.decoded(trimmed, depth)
	if p.json(trimmed, depth) {
		return
	}
	if n := strings.Index(trimmed, "://"); n >= 0 && !strings.ContainsFunc(trimmed, unicode.IsSpace) {
		p.url(trimmed[n+len("://"):], depth)
	}
	p.list(trimmed, depth)
	p.login(trimmed, depth)
}

// wraps reports whether a character encloses a value or separates it from the next.
func wraps(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'`()[]{}<>,;", r) }

// decoded adds the text that remains if text is unescaped or decoded.
func (p parts) decoded(text string, depth int) {
	if strings.Contains(text, `\`) {
		p.add(unescape().Replace(text), depth)
	}
	if strings.Contains(text, "%") {
		if plain, err := url.PathUnescape(text); err == nil {
			p.add(plain, depth)
		}
	}
	raw := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	if plain, err := base64.RawStdEncoding.DecodeString(raw); err == nil && utf8.Valid(plain) && !strings.ContainsFunc(string(plain), unreadable) {
		p.add(string(plain), depth)
	}
}

func unreadable(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }

// unescape decodes the escapes that people write into env files, which have no line ends.
func unescape() *strings.Replacer {
	return strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\'`, "'", `\/`, "/", `\\`, `\`)
}

// json adds the texts of a JSON object or list.
func (p parts) json(text string, depth int) bool {
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return false
	}
	p.leaves(value, depth)
	return true
}

func (p parts) leaves(value any, depth int) {
	switch value := value.(type) {
	case string:
		p.add(value, depth)
	case json.Number:
		p.add(value.String(), depth)
	case []any:
		for _, v := range value {
			p.leaves(v, depth)
		}
	case map[string]any:
		for _, v := range value {
			p.leaves(v, depth)
		}
	}
}

var secretName = regexp.MustCompile(`(?i)pass|pwd|secret|token|key|sig|auth|cred|code`)

// url adds the secret parts of a URL after its scheme: the login, and tokens in its path and its query. It leaves out
// the host, because every error about a connection has it.
func (p parts) url(rest string, depth int) {
	p.add(rest, depth)
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		p.userinfo(rest[:at], depth)
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		p.userinfo(authority[:at], depth)
	}
	path, query, _ := strings.Cut(rest[len(authority):], "?")
	if len(path) > opaque {
		p.add(path, depth)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if len(segment) >= opaque {
			p.add(segment, depth)
		}
	}
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' || r == '#' }) {
		if name, value, _ := strings.Cut(pair, "="); len(value) >= opaque || secretName.MatchString(name) {
			p.add(value, depth)
		}
	}
}

// userinfo adds USER:PASSWORD. A user without a password is a token.
func (p parts) userinfo(text string, depth int) {
	p.add(text, depth)
	user, password, _ := strings.Cut(text, ":")
	p.add(password, depth)
	if password == "" || len(user) >= opaque {
		p.add(user, depth)
	}
}

// login adds the password of USER:PASSWORD@HOST without a scheme, in the form that database drivers accept.
func (p parts) login(text string, depth int) {
	at := strings.LastIndex(text, "@")
	if at < 0 || strings.Contains(text[:at], "://") {
		return
	}
	if user, password, ok := strings.Cut(text[:at], ":"); ok {
		p.add(user+":"+password, depth)
		p.add(password, depth)
	}
}

// list adds the elements of a list, and the values of KEY=VALUE settings. In a URL, and in a list of URLs, a colon
// separates nothing.
func (p parts) list(text string, depth int) {
	for _, separators := range []string{"\n", ",", ";", "|", " \t\r\n", ",;| \t\r\n"} {
		p.split(text, separators, depth)
	}
	if strings.Contains(text, "://") {
		return
	}
	p.split(text, ":", depth)
	if _, value, ok := strings.Cut(text, "="); ok {
		p.add(value, depth)
	}
	p.split(text, "&", depth)
}

func (p parts) split(text, separators string, depth int) {
	if !strings.ContainsAny(text, separators) {
		return
	}
	for element := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		p.add(element, depth)
	}
}

// region matches the name of an AWS region, which is in most of AWS's errors. A password such as my-secret-1 does not
// match.
var region = regexp.MustCompile(`^[a-z]{2}(-gov|-iso[a-z]?)?-(central|(north|south)?(east|west)?)-[0-9]$`)

// isSecret excludes texts that are too short, texts that begin or end with a blank, because the part without the blank
// is there too, and words that are the value of many variables and reveal nothing.
func isSecret(part string) bool {
	bare := strings.ToLower(strings.TrimFunc(part, wraps))
	return len(part) >= minSecret && strings.TrimSpace(part) == part && !ordinary(bare) && !region.MatchString(bare)
}

func ordinary(word string) bool {
	switch word {
	case "enabled", "disabled", "default", "always", "require", "required", "optional", "unless-stopped", "on-failure",
		"notice", "warning", "critical", "verbose", "console", "logfmt", "stdout", "stderr",
		"production", "staging", "development", "testing", "sandbox",
		"localhost", "127.0.0.1", "0.0.0.0":
		return true
	}
	return false
}
