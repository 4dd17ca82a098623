package docker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote/docker"
)

func TestEnvFileRemarks(t *testing.T) {
	const secret = "s3cret"
	for name, test := range map[string]struct {
		content string
		want    []string
	}{
		"nothing to say": {"# a comment\n\nURL=postgres://u:s3cret@h/d?a=b#c\nEMPTY=\nJSON={\"a\": \"s3cret\"}\nAPOSTROPHE=it's\n", nil},
		"quotes":         {"A=\"s3cret\"\nB='s3cret'\n", []string{"line 1 has quotes around the value of A", "line 2 has quotes around the value of B"}},
		"export":         {"export A=s3cret\n", []string{"line 1 begins with export, which only a shell understands: remove that word"}},
		"dropped":        {"A=s3cret\ns3cret\n", []string{"line 2 has no equals sign, so that Docker drops it"}},
		"a comment":      {"A=s3cret # not for you\n", []string{"line 1 has a # in the value of A"}},
		"lines in quotes": {
			"KEY=\"-----BEGIN RSA PRIVATE KEY-----\ns3cret==\n-----END RSA PRIVATE KEY-----\"\nB='x'\n",
			[]string{"line 1 begins a value of KEY that goes on to line 3", "line 4 has quotes around the value of B"},
		},
		"a PEM block": {
			"KEY=-----BEGIN PRIVATE KEY-----\ns3cret==\n-----END PRIVATE KEY-----\n",
			[]string{"line 1 begins a value of KEY that goes on to line 3"},
		},
		"a quote that does not end": {"A=\"s3cret\nB=1\n", nil},
		"Windows":                   {"\ufeffA='s3cret'\r\nB=1\r\n", []string{"line 1 has quotes around the value of A"}},
	} {
		t.Run(name, func(t *testing.T) {
			remarks := docker.EnvFileRemarks([]byte(test.content))
			require.Len(t, remarks, len(test.want), "%v", remarks)
			for n, want := range test.want {
				require.Contains(t, remarks[n], want)
				require.NotContains(t, remarks[n], secret)
			}
		})
	}
}

func FuzzEnvFileRemarks(f *testing.F) {
	f.Add("export A=\"b\n\"\nC\n")
	f.Fuzz(func(t *testing.T, content string) {
		remarks := docker.EnvFileRemarks([]byte(content))
		require.LessOrEqual(t, len(remarks), 2*(strings.Count(content, "\n")+1))
	})
}
