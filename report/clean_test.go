package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "healthy after 48s", "healthy after 48s"},
		{"letters of other scripts", "größer · 大きい", "größer · 大きい"},
		{"lines", " a\r\n\tb\n", "a b"},
		{"colour", "\x1b[1;31mred\x1b[0m", "red"},
		{"cursor", "a\x1b[2J\x1b[Hb", "a b"},
		{"window title", "a\x1b]0;owned\x07b", "a b"},
		{"hyperlink", "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click"},
		{"device control", "a\x1bPq#0\x1b\\b", "a b"},
		{"unterminated title keeps the next line", "a\x1b]0;ow\nreason", "a reason"},
		{"charset", "a\x1b(0b", "a b"},
		{"reset", "a\x1bcb", "a b"},
		{"eight bits", "a\u009b31mb\u009d0;t\u009cc", "ab c"},
		{"cut off", "a\x1b[31", "a"},
		{"lone escape", "a\x1b", "a"},
		{"bell and backspace", "a\a\b\x7fb", "a b"},
		{"direction", "abc\u202edef\u2066ghi", "abc def ghi"},
		{"not UTF-8", "a\xffb", "a b"},
		{"environment", "DB_PASSWORD=hush AWS_SECRET_ACCESS_KEY=x/y z", "DB_PASSWORD=*** AWS_SECRET_ACCESS_KEY=*** z"},
		{"URL", "dial postgres://user:hush@db/x", "dial postgres://user:***@db/x"},
		{"header", "Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer ***"},
		{"JSON", `{"token":"hush","a":1}`, `{"token":"***","a":1}`},
		{"a sentence about a token", "expired token: log in again", "expired token: log in again"},
		{"too long", strings.Repeat("ä", 5000), strings.Repeat("ä", longest-1) + "…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { assert.Equal(t, test.want, Clean(test.in)) })
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "a\x1b[31mb", "\x1b]0;x", "\u009b\u009d\x1b", "\x1b[\x1b]\x1bP\x07", "a\xff\u202e", "TOKEN=\x1b[mx"} {
		f.Add(seed)
	}
	for _, seed := range []string{"BASIC dXNlcjpwYXNz", "a bearer 123456789", `{"my_token" : "x"}`, "to\u212aen=x", "https://u:p@h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range credentials {
			if c.pattern.MatchString(text) && !c.hinted(strings.ToLower(text)) {
				t.Fatalf("%q is a credential without a hint", text)
			}
		}
		cleaned := Clean(text)
		for _, r := range cleaned {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q leaves %U in %q", text, r, cleaned)
			}
		}
		if !utf8.ValidString(cleaned) {
			t.Fatalf("%q is not UTF-8", cleaned)
		}
		if harmless(text) && !strings.ContainsAny(text, "=:@") && !hasCredential(text) && cleaned != cut(text, longest) {
			t.Fatalf("%q became %q", text, cleaned)
		}
	})
}

// harmless reports whether nothing in the text needs cleaning.
func harmless(text string) bool {
	return utf8.ValidString(text) && strings.Join(strings.Fields(text), " ") == text && !strings.ContainsFunc(text, func(r rune) bool {
		return r != ' ' && unwanted(r)
	})
}

func hasCredential(text string) bool {
	lower := strings.ToLower(text)
	return strings.Contains(lower, "basic ") || strings.Contains(lower, "bearer ")
}
