package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriter(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"layout stays", "  a  b\tc\n\nd\n", "  a  b\tc\n\nd\n"},
		{"a line that is not ended", "Type dev to go on: ", "Type dev to go on: "},
		{"windows lines", "a\r\nb\r\n", "a\nb\n"},
		{"a line that overwrites another", "deployed\rrefused \n", "deployed refused \n"},
		{"colours and cursor", "\x1b[1mplan\x1b[0m\x1b[2J\n", "plan \n"},
		{"eight bits and direction", "a\u009b31mb\u202ec\n", "ab c\n"},
		{"not UTF-8", "a\xffb\n", "a b\n"},
		{"a command at the start", "::error::x\n", ": :error::x\n"},
		{"a command after white space", " \t::add-mask::x\n", " \t: :add-mask::x\n"},
		{"a command behind what is not seen", "\ufeff\x1b[0m::set-output name=a::b\n", " : :set-output name=a::b\n"},
		{"a command after a carriage return", "x\r::error::y\n", "x ::error::y\n"},
		{"an address", "listens on [::1]:80 and a::b\n", "listens on [::1]:80 and a::b\n"},
		{"the older command", "log: ##[error]x ###[group]y\n", "log: ## [error]x ### [group]y\n"},
		{"the older command in pieces", "##\x1b[0m[error]x\n", "## [error]x\n"},
		{"a second line", "a\n::error::b\n##[c]\n", "a\n: :error::b\n## [c]\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var whole, bytewise bytes.Buffer
			w := NewWriter(&whole)
			_, err := w.Write([]byte(test.in))
			require.NoError(t, err)
			require.NoError(t, w.Flush())
			assert.Equal(t, test.want, whole.String())
			w = NewWriter(&bytewise)
			for _, b := range []byte(test.in) {
				_, err := w.Write([]byte{b})
				require.NoError(t, err)
			}
			require.NoError(t, w.Flush())
			assert.Equal(t, test.want, bytewise.String(), "in pieces")
		})
	}
}

// TestWriterHoldsLittleBack: a line that never ends is broken, and no command comes about
// where it was.
func TestWriterHoldsLittleBack(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	for range 100 {
		_, err := fmt.Fprint(w, strings.Repeat("::x##[y]", 200))
		require.NoError(t, err)
	}
	assert.Greater(t, out.Len(), 50_000)
	require.NoError(t, w.Flush())
	for line := range strings.Lines(out.String()) {
		assert.Equal(t, strings.TrimSuffix(line, "\n"), printable(strings.TrimSuffix(line, "\n")))
	}
}

func TestCleanLines(t *testing.T) {
	assert.Equal(t, "seal of dev: no\n seal of prod: DB_PASSWORD=***\n: :error::x",
		CleanLines("seal of dev: no\n\x1b[1m seal of prod: DB_PASSWORD=hush\n::error::x"))
}

func FuzzWriter(f *testing.F) {
	for _, seed := range []string{"", "a\n", "::a::b\n", "##[a]\n", "#\x1b[m#[", "\u009b\n:\x1b[m:x", "\ufeff::", " ::a"} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, cut int) {
		cut = min(max(cut, 0), len(text))
		var out bytes.Buffer
		w := NewWriter(&out)
		for _, part := range []string{text[:cut], text[cut:]} {
			if _, err := w.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(out.String(), "\n") {
			if strings.Contains(line, "##[") || strings.HasPrefix(strings.TrimSpace(line), "::") {
				t.Fatalf("%q leaves a command in %q", text, line)
			}
			for _, r := range line {
				if r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
					t.Fatalf("%q leaves %U in %q", text, r, line)
				}
			}
		}
	})
}
