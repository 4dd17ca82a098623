package docker

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const awkward = `p"ä/ s+w=<rd>%'\x&`

// TestSecretsInEveryForm: what a program prints of its environment, and what must not be
// left of it.
func TestSecretsInEveryForm(t *testing.T) {
	inner := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	asJSON := func(v any) string { text, _ := json.Marshal(v); return string(text) }
	b64 := base64.StdEncoding.EncodeToString
	forms := map[string]func(string) string{
		"as it is":          func(v string) string { return v },
		"JSON":              func(v string) string { return asJSON(map[string]string{"password": v}) },
		"JSON in JSON":      func(v string) string { return asJSON(map[string]string{"error": asJSON([]string{v})}) },
		"%q":                func(v string) string { return fmt.Sprintf("%q", v) },
		"%+q":               func(v string) string { return fmt.Sprintf("%+q", v) },
		"%q in JSON":        func(v string) string { return asJSON(fmt.Sprintf("login: %q", v)) },
		"escaped slashes":   func(v string) string { return strings.ReplaceAll(asJSON(v), "/", `\/`) },
		"shell":             func(v string) string { return "'" + strings.ReplaceAll(v, "'", `'\''`) + "'" },
		"Python's shlex":    func(v string) string { return "'" + strings.ReplaceAll(v, "'", `'"'"'`) + "'" },
		"shell, unquoted":   func(v string) string { return regexp.MustCompile(`[^\pL\w.-]`).ReplaceAllString(v, `\$0`) },
		"shell, octal":      octal,
		"HTML":              html.EscapeString,
		"query":             func(v string) string { return "https://h/?token=" + url.QueryEscape(v) + "&x=1" },
		"query, lower case": func(v string) string { return lowerPercents(url.QueryEscape(v)) },
		"path":              func(v string) string { return "https://h/" + url.PathEscape(v) + "/x" },
		"login":             func(v string) string { return "x://" + url.UserPassword("ann", v).String() + "@h/" },
		"component":         component,
		"path with slashes": func(v string) string { return strings.ReplaceAll(url.PathEscape(v), "%2F", "/") },
		"every byte of a URL": func(v string) string {
			return strings.ReplaceAll(fmt.Sprintf("% x", " "+v)[2:], " ", "%")
		},
		"Python's repr":         func(v string) string { return strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(v) },
		"JSON in ASCII":         func(v string) string { return strings.ReplaceAll(strconv.QuoteToASCII(v), "/", `\/`) },
		"query in JSON":         func(v string) string { return asJSON("GET /?t=" + url.QueryEscape(v)) },
		"base64":                func(v string) string { return b64([]byte(v)) },
		"base64 for URLs":       func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) },
		"basic authentication":  func(v string) string { return "Authorization: Basic " + b64([]byte("ann:"+v)) },
		"base64 one byte later": func(v string) string { return b64([]byte("ab" + v + "cd")) },
		"base64 of JSON":        func(v string) string { return b64([]byte(asJSON(map[string]string{"k": v}))) },
		"base64 of a query":     func(v string) string { return b64([]byte("?k=" + url.QueryEscape(v))) },
		"base64 in a query":     func(v string) string { return url.QueryEscape(b64([]byte(v))) },
		"base64 over lines":     func(v string) string { return wrapped(b64([]byte(strings.Repeat("x", 70) + v))) },
		"hex":                   func(v string) string { return hex.EncodeToString([]byte(v)) },
		"HEX":                   func(v string) string { return strings.ToUpper(hex.EncodeToString([]byte(v))) },
		"bytes":                 func(v string) string { return fmt.Sprint([]byte(v)) },
		"over lines":            func(v string) string { return v[:len(v)/2] + "\r\n" + v[len(v)/2:] },
		"twice":                 func(v string) string { return v + v },
		"with colours":          func(v string) string { return "\x1b[31m" + v + "\x1b[0m" },
	}
	for _, secret := range []string{"canary", "Canary-canary.1", awkward, "ключ-канарейка"} {
		s := NewSecrets([]string{"X=1", "SECRET=" + secret})
		for name, form := range forms {
			printed := "log: " + form(secret) + " end"
			left := s.Strike(printed)
			assert.Contains(t, left, redacted, "%s of %q: %q", name, secret, printed)
			assertNothingLeft(t, left, secret, name)
			assert.True(t, strings.HasPrefix(left, "log: ") || strings.Contains(left, "log: "), "%s of %q: %q became %q", name, secret, printed, left)
		}
	}
	_, err := strconv.Unquote(`"` + inner(fmt.Sprintf("%q", awkward)) + `"`)
	require.NoError(t, err)
}

// octal writes what is not printable ASCII as bash's printf %q and git do.
func octal(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 0x80 {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func lowerPercents(text string) string {
	return regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(text, strings.ToLower)
}

func wrapped(text string) string {
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	return b.String() + text
}

// assertNothingLeft decodes what is left of a text in every way, and looks for most of
// the secret.
func assertNothingLeft(t *testing.T, left, secret, name string) {
	t.Helper()
	for _, text := range readings(left) {
		for from := 0; from+minSecret <= len(secret); from++ {
			assert.NotContains(t, text, secret[from:from+minSecret], "%s of %q left %q", name, secret, left)
		}
	}
}

// readings are a text as a reader could decode it.
func readings(text string) []string {
	all := []string{text, strings.ReplaceAll(text, "\n", "")}
	for _, r := range all {
		if plain, err := url.QueryUnescape(r); err == nil {
			all = append(all, plain)
		}
		all = append(all, html.UnescapeString(r), unescape().Replace(r), unescape().Replace(unescape().Replace(r)))
	}
	for _, word := range strings.FieldsFunc(strings.Join(all, " "), func(r rune) bool { return !isBase64(byte(min(r, 255))) }) {
		for skip := range min(4, len(word)) {
			part := strings.NewReplacer("-", "+", "_", "/").Replace(word[skip:])
			plain, _ := base64.RawStdEncoding.DecodeString(part[:len(part)/4*4])
			all = append(all, string(plain))
		}
		if plain, err := hex.DecodeString(word); err == nil {
			all = append(all, string(plain))
		}
	}
	return all
}

// TestPartsOfValues: what of a value programs print alone.
func TestPartsOfValues(t *testing.T) {
	for value, printed := range map[string][]string{
		`"quoted-canary"`:                                                {"quoted-canary"},
		`'quoted-canary'`:                                                {"quoted-canary"},
		"trimmed-canary   ":                                              {"trimmed-canary"},
		` " both-canary " `:                                              {"both-canary"},
		"postgres://ann:canary-1@db:5432/growl":                          {"canary-1", "ann:canary-1", "ann:canary-1@db:5432/growl"},
		"postgres://ann:can%2Fary@db/growl":                              {"can%2Fary", "can/ary"},
		"postgres://ann:can/ary@db/growl":                                {"can/ary"},
		"postgres://ann:can@ary#1@db/growl":                              {"can@ary#1"},
		"redis://:canary-1@cache:6379/0":                                 {"canary-1"},
		"redis://:canary-1@a:1,redis://:canary-2@b:2":                    {"canary-1", "canary-2"},
		"https://0123456789abcdefcanary@sentry.io/1":                     {"0123456789abcdefcanary"},
		"https://hooks.example/services/T0/canarycanarycanary":           {"canarycanarycanary", "/services/T0/canarycanarycanary"},
		"https://h/?sig=canary%2B1&x=1":                                  {"canary%2B1", "canary+1"},
		"ann:canary-1@tcp(db:3306)/growl":                                {"canary-1", "ann:canary-1"},
		"ann:canary-1@tcp(db:3306)/growl?proxy=http://p":                 {"canary-1", "ann:canary-1"},
		"my-secret-canary-1":                                             {"my-secret-canary-1"},
		"host=db user=ann password=canary-1 dbname=x":                    {"canary-1", "password=canary-1"},
		"Server=db;User Id=ann;Password=canary-1;":                       {"canary-1"},
		"canary-1,canary-2":                                              {"canary-1", "canary-2"},
		"canary-1, canary-2":                                             {"canary-1", "canary-2"},
		"canary-1 canary-2":                                              {"canary-1", "canary-2"},
		"canary-1;canary-2|canary-3":                                     {"canary-1", "canary-2", "canary-3"},
		"ann:canary-1":                                                   {"canary-1"},
		"ann=canary-1,bob=canary-2":                                      {"canary-1", "canary-2"},
		`["canary-1","can\"ary-2"]`:                                      {"canary-1", `can"ary-2`},
		`{"a":{"key":"canary-1"},"pin":48392011}`:                        {"canary-1", "48392011"},
		`"{\"key\":\"canary-1\"}"`:                                       {"canary-1"},
		`-----BEGIN KEY-----\ncanarycanary1\ncanarycanary2`:              {"-----BEGIN KEY-----\ncanarycanary1\ncanarycanary2", "canarycanary2", "canarycanary1"},
		base64.StdEncoding.EncodeToString([]byte(`{"auth":"canary-1"}`)): {"canary-1", `{"auth":"canary-1"}`},
	} {
		s := NewSecrets([]string{"X=" + value})
		for _, part := range append(printed, value) {
			for _, as := range []string{part, strconv.Quote(part), "'" + part + "'"} {
				left := s.Strike("failed: x " + as + " y at once")
				assert.Regexp(t, `^failed: x [^a-z]*\[redacted\][^a-z]* y at once$`, left, "%s in %s", as, value)
				assertNothingLeft(t, left, strings.TrimSpace(part), "a part")
			}
		}
	}
}

// TestOrdinaryWordsStay: a log without its words is no log.
func TestOrdinaryWordsStay(t *testing.T) {
	s := NewSecrets([]string{
		"A=true", "B=8080", "C=info", "D=production", "E=us-west-1", "F=WARNING", "G=", "H=localhost", `I="production"`,
		"J=postgres://ann:canary-1@db.internal:5432/growl?sslmode=require", "K=5s",
		"L=ap-southeast-2,us-gov-west-1,eu-central-1,us-iso-east-1,me-south-1",
	})
	for _, line := range []string{
		"true info 8080 5s WARNING: production mode in us-west-1 on localhost",
		"dial tcp: lookup db.internal:5432: no such host",
		"TLS: require; user ann, database growl",
		"ap-southeast-2 us-gov-west-1 eu-central-1 us-iso-east-1 me-south-1",
	} {
		assert.Equal(t, line, s.Strike(line))
	}
	assert.Equal(t, "a", (&Secrets{}).Strike("a"))
	assert.Equal(t, "nothing to strike", NewSecrets(nil).Strike("nothing to strike"))
}

func TestSecretsThatOverlapOrAreCut(t *testing.T) {
	s := NewSecrets([]string{"A=abcdefgh", "B=efghijkl", "C=efghijklmnop-and-more", "D=" + strings.Repeat("0123456789", 20)})
	for text, want := range map[string]string{
		"x abcdefghijkl y":             "x [redacted] y",
		"x abcdefghefghijkl y":         "x [redacted] y",
		"x efghijklmnop-an\ny":         "x [redacted]\ny",
		"x efghijklmnop-an…\ny":        "x [redacted]…\ny",
		"x efghijklmnop-an... y":       "x [redacted]... y",
		"x efghijklmnop-an… y":         "x [redacted]… y",
		"x 01234567890 y":              "x 01234567890 y",
		"x efghijklmnop-an...\ny":      "x [redacted]...\ny",
		"mnop-and-more y":              "[redacted] y",
		"x 0123456789012345678901234":  "x [redacted]",
		"78901234567890123456789 tail": "78901234567890123456789 tail",
		"6789 tail":                    "6789 tail",
		"abcdef":                       "[redacted]",
		"abcde":                        "abcde",
		"no-and-more y":                "no-and-more y",
	} {
		if strings.HasSuffix(text, "tail") && len(text) > 10 {
			want = "[redacted] tail" // the end of D
		}
		assert.Equal(t, want, s.Strike(text), text)
	}
}

// TestALongLineIsGoneThroughOnce: the work for a line does not grow with the square of its length. The texts are as
// long as a log that is read, which took minutes and more. Nothing but the test's own limit measures time.
func TestALongLineIsGoneThroughOnce(t *testing.T) {
	s := NewSecrets([]string{"A=https://ann:canary-1@h/a", "B=https://ann:canary-2@h/b", "C=canary-3"})
	line := strings.Repeat("https://www.example.com/xyz ", maxLogRead/28)
	assert.Equal(t, line, s.Strike(line))
	encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("canary-3 ", maxLogRead/12)))
	assert.Equal(t, "x [redacted] y", s.Strike("x "+encoded+" y"))
}

func FuzzSecrets(f *testing.F) {
	for _, seed := range []string{"canary-canary", awkward, "postgres://ann:canary-1@db/x?a=b", `{"a":"canary-1"}`, `"a b"`, "a,b;c|d:e", "%41%zz", `\n\`, "==", "é\xff"} {
		f.Add(seed, "before ", " after")
	}
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		secret = strings.ToValidUTF8(secret, "")
		s := NewSecrets([]string{"X=" + secret})
		if !isSecret(secret) || len(withoutLineEnds(secret)) < minSecret {
			return
		}
		for _, form := range []string{
			secret, inJSON(secret, true), within(strconv.Quote(secret)), url.QueryEscape(secret), url.PathEscape(secret),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)),
		} {
			left := s.Strike(before + form + after)
			if strings.Contains(left, form) && !strings.Contains(redacted, form) && !strings.Contains(before+redacted+after, form) {
				t.Fatalf("%q is left in %q", form, left)
			}
			if !strings.Contains(left, redacted) {
				t.Fatalf("%q is not struck in %q", form, left)
			}
		}
	})
}

func BenchmarkStrike(b *testing.B) {
	var env []string
	for n := range 40 {
		env = append(env, fmt.Sprintf("V%d=postgres://user%d:pass/word+%d@db%d.internal/x?token=%s", n, n, n, n, strings.Repeat("t/", 20)))
	}
	s := NewSecrets(env)
	text := strings.Repeat("2026-11-29T12:00:00Z INFO request handled path=/v1/growl status=200 took=12ms peer=10.0.0.1\n", 5000)
	b.Logf("%d parts, %d forms", len(s.parts), len(s.forms))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.Strike(text)
	}
}

func BenchmarkNewSecrets(b *testing.B) {
	var env []string
	for n := range 40 {
		env = append(env, fmt.Sprintf("V%d=postgres://user%d:pass/word+%d@db%d.internal/x?token=%s", n, n, n, n, strings.Repeat("t/", 20)))
	}
	for b.Loop() {
		NewSecrets(env)
	}
}
