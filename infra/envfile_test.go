package infra_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// variables is an env file that a shell could spoil: quotes, blanks at a line's end, and no line break at the end.
const variables = "PASSWORD=canary-4f1b9c \n# a 'comment'\nTEMPLATE={{ssm:x}} \"$HOME\"\n\nLAST=`id`"

// parameterOf returns an env file in the form in which the SSM parameter holds it.
func parameterOf(t *testing.T, file string) string {
	t.Helper()
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, err := writer.Write([]byte(file))
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return base64.StdEncoding.EncodeToString(compressed.Bytes()) + "\n"
}

// fetchEnv runs the script that fetches the env file, on an instance whose user data has the SHA-256 of variables.
func (i *instance) fetchEnv() (string, error) {
	needs(i.t, "sha256sum")
	me, err := user.Current()
	require.NoError(i.t, err)
	sum := sha256.Sum256([]byte(variables))
	return i.exec("../growl-backend/terraform/env-file.sh", "/growl-backend/dev/env", "us-west-1", hex.EncodeToString(sum[:]), me.Username)
}

func TestAnInstanceFetchesTheExactEnvFile(t *testing.T) {
	i := newInstance(t)
	i.write("parameter", parameterOf(t, variables), 0o600)
	out, err := i.fetchEnv()
	require.NoError(t, err, out)
	assert.Equal(t, variables, i.read("etc/env"))
	info, err := os.Stat(filepath.Join(i.dir, "etc", "env"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	assert.Contains(t, i.read("calls"), "aws ssm get-parameter --name /growl-backend/dev/env --region us-west-1 --with-decryption")
	for where, text := range map[string]string{"what it prints": out, "the arguments of commands": i.read("calls")} {
		assert.NotContains(t, text, "canary", where)
		assert.NotContains(t, text, strings.TrimSpace(parameterOf(t, variables)), where)
	}
}

func TestAnInstanceWaitsForItsEnvFile(t *testing.T) {
	for _, what := range []string{"parameter", "stale"} {
		t.Run(what, func(t *testing.T) {
			i := newInstance(t)
			i.write("parameter", parameterOf(t, variables), 0o600)
			i.write("stale", parameterOf(t, "PASSWORD=of the apply before\n"), 0o600)
			i.write("fail-"+what, "3\n", 0o600)
			out, err := i.fetchEnv()
			require.NoError(t, err, out)
			assert.Equal(t, variables, i.read("etc/env"))
			assert.Equal(t, 3, strings.Count(i.read("calls"), "sleep 15"))
		})
	}
}

func TestAnInstanceRefusesAnotherEnvFile(t *testing.T) {
	for name, value := range map[string]string{
		"of another apply": parameterOf(t, "PASSWORD=canary-other\n"), "not compressed": base64.StdEncoding.EncodeToString([]byte(variables)),
		"cut off": parameterOf(t, variables)[:40], "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			i := newInstance(t)
			i.write("parameter", value, 0o600)
			i.write("etc/env", "PASSWORD=before\n", 0o600)
			toTheEnd := name == "of another apply" // 40 tries take seconds
			if !toTheEnd {
				i.write("impatient", "", 0o600)
			}
			out, err := i.fetchEnv()
			require.Error(t, err)
			if toTheEnd {
				assert.Contains(t, out, "parameter /growl-backend/dev/env in us-west-1 does not hold the file with the SHA-256")
			}
			assert.Contains(t, i.read("calls"), "sleep 15", "it waits for the right one")
			assert.NotContains(t, out, "canary")
			assert.Equal(t, "PASSWORD=before\n", i.read("etc/env"))
			assert.NoFileExists(t, filepath.Join(i.dir, "etc", "env.new"))
		})
	}
}
