package docker_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/stretchr/testify/require"
)

// The rules of docker/cli pkg/kvfile, by its own tests' cases.
func TestParseEnvFile(t *testing.T) {
	for name, test := range map[string]struct {
		file string
		want []string
	}{
		"plain":              {"A=1\nB=2\n", []string{"A=1", "B=2"}},
		"no last newline":    {"A=1", []string{"A=1"}},
		"comments and blank": {"# c\n\n  # indented\n \t\nA=1 # kept\n", []string{"A=1 # kept"}},
		"quotes are kept":    {`A="1"` + "\n" + `B='2'`, []string{`A="1"`, `B='2'`}},
		"leading space":      {"  \tA=1\n", []string{"A=1"}},
		"trailing space":     {"A=1  \n", []string{"A=1  "}},
		"space in value":     {"A= 1 2\n", []string{"A= 1 2"}},
		"equals in value":    {"A=b=c\n", []string{"A=b=c"}},
		"empty value":        {"A=\n", []string{"A="}},
		"bare name":          {"A\nB=1\n", []string{"B=1"}},
		"given twice":        {"A=1\nA=2\n", []string{"A=1", "A=2"}},
		"odd names":          {"a.b-c=1\nÄ=2\n", []string{"a.b-c=1", "Ä=2"}},
		"byte order mark":    {"\ufeffA=1\nB=2", []string{"A=1", "B=2"}},
		"windows lines":      {"A=1\r\nB=2\r\n", []string{"A=1", "B=2"}},
		"empty":              {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			variables, err := docker.ParseEnvFile(strings.NewReader(test.file))
			require.NoError(t, err)
			require.Equal(t, test.want, variables)
		})
	}
}

func TestParseEnvFileErrors(t *testing.T) {
	for name, file := range map[string]string{
		"no name":          "A=1\n=s3cret\n",
		"space in name":    "A=1\nB s3cret=s3cret\n",
		"space after name": "A=1\nB =s3cret\n",
		"bare with space":  "A=1\nB s3cret\n",
		"utf-8":            "A=1\ns3cret=\xff\n",
		"nul":              "A=1\nB=s3cret\x00\n",
		"long line":        "A=1\nB=s3cret" + strings.Repeat("x", 64<<10) + "\n",
		"late mark":        "A=1\n\xef\xbb=s3cret\n",
	} {
		t.Run(name, func(t *testing.T) {
			variables, err := docker.ParseEnvFile(strings.NewReader(file))
			require.ErrorContains(t, err, "line 2: ")
			require.NotContains(t, err.Error(), "s3cret")
			require.Nil(t, variables)
		})
	}
	broken := errors.New("broken")
	_, err := docker.ParseEnvFile(failingReader{broken})
	require.ErrorIs(t, err, broken)
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func FuzzParseEnvFile(f *testing.F) {
	for _, seed := range []string{"A=1\n", "# c\n A=b=c\r\n", "\ufeffA=1", "A\n", "=x", "A B=1", "\xff", "A=\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		variables, err := docker.ParseEnvFile(strings.NewReader(file))
		if err != nil {
			require.Nil(t, variables)
			return
		}
		for _, v := range variables {
			name, _, ok := strings.Cut(v, "=")
			require.True(t, ok && name != "" && !strings.ContainsAny(v, "\n\x00") && !strings.ContainsAny(name, " \t"), "%q", v)
			require.True(t, utf8.ValidString(v) && strings.Contains(file, v), "%q is a line of the file", v)
		}
		again, err := docker.ParseEnvFile(strings.NewReader(strings.Join(variables, "\n")))
		require.NoError(t, err)
		require.Equal(t, variables, again)
	})
}
