package infra_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/infra"
)

func sealed(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(infra.EnvFile(dir, "dev"), []byte(content), 0o600))
	changed, err := infra.WriteSeal(dir, "dev", nil)
	require.NoError(t, err)
	require.True(t, changed)
	return dir
}

func TestASealHoldsUntilTheFileChanges(t *testing.T) {
	dir := sealed(t, "A=1\n")
	require.NoError(t, infra.CheckSeal(dir, "dev", nil))
	changed, err := infra.WriteSeal(dir, "dev", nil)
	require.NoError(t, err)
	assert.False(t, changed, "the seal was there already")

	require.NoError(t, os.WriteFile(infra.EnvFile(dir, "dev"), []byte("A=canary\n"), 0o600))
	err = infra.CheckSeal(dir, "dev", nil)
	require.ErrorIs(t, err, infra.ErrUnsealed)
	assert.NotContains(t, err.Error(), "canary")
}

// A secret of CI loses or gains newlines at its end, and Windows changes line ends:
// that is named, because a plan would call it a change of the code.
func TestLineEndsThatChangedAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ content, says string }{
		"none at the end":   {"A=1\nB=2", "only the newlines at its end differ"},
		"one more":          {"A=1\nB=2\n\n", "only the newlines at its end differ"},
		"many more":         {"A=1\nB=2\n\r\n\n", "only the newlines at its end differ"},
		"CRLF":              {"A=1\r\nB=2\r\n", "only its line ends differ"},
		"a line is missing": {"A=1\n", "get the sealed file"},
		"nothing but a newline, as of a missing secret": {"\n", "get the sealed file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := sealed(t, "A=1\nB=2\n")
			require.NoError(t, os.WriteFile(infra.EnvFile(dir, "dev"), []byte(c.content), 0o600))
			err := infra.CheckSeal(dir, "dev", nil)
			require.ErrorIs(t, err, infra.ErrUnsealed)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

// CI writes the file with exactly one newline at its end, whatever the secret has.
func TestOnlyAFileWithOneNewlineAtItsEndIsSealed(t *testing.T) {
	for name, content := range map[string]string{"none": "A=1", "two": "A=1\n\n", "CRLF": "A=1\r\n", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(infra.EnvFile(dir, "dev"), []byte(content), 0o600))
			_, err := infra.WriteSeal(dir, "dev", nil)
			require.ErrorContains(t, err, "does not end with exactly one newline")
			assert.NoFileExists(t, infra.SealFile(dir, "dev"))
		})
	}
}

func TestASealIsWhatSha256sumWrites(t *testing.T) {
	dir := sealed(t, "A=1\n")
	text, err := os.ReadFile(filepath.Join(dir, "env-dev.sha256"))
	require.NoError(t, err)
	assert.Equal(t, "91d6a3d55e9fea7911c537afae6607c77fa8bc0f3a76c375e104ac5a8cfa84db  .env.dev\n", string(text))
}

func TestSealsThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "short": "abc  .env.dev\n", "upper case": "ABCDEF0123456789012345678901234567890123456789012345678901234567  .env.dev\n",
		"two lines": "0123456789012345678901234567890123456789012345678901234567890123  a\n0123456789012345678901234567890123456789012345678901234567890123  b\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := sealed(t, "A=1\n")
			require.NoError(t, os.WriteFile(infra.SealFile(dir, "dev"), []byte(text), 0o644))
			require.ErrorContains(t, infra.CheckSeal(dir, "dev", nil), "env:seal writes it anew")
		})
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	dir := sealed(t, "A=1\n")
	require.NoError(t, os.Remove(infra.EnvFile(dir, "dev")))
	err := infra.CheckSeal(dir, "dev", nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, ".env.dev")

	require.NoError(t, os.Remove(infra.SealFile(dir, "dev")))
	require.ErrorContains(t, infra.CheckSeal(dir, "dev", nil), "env-dev.sha256: there is none")
}

func TestAMalformedEnvFileIsNotSealed(t *testing.T) {
	dir := sealed(t, "A=1\n")
	require.NoError(t, os.Remove(infra.SealFile(dir, "dev")))
	_, err := infra.WriteSeal(dir, "dev", func([]byte) error { return errors.New("line 1: no name") })
	require.ErrorContains(t, err, "line 1: no name")
	assert.NoFileExists(t, infra.SealFile(dir, "dev"))
}

func FuzzReadSeal(f *testing.F) {
	f.Add("0123456789012345678901234567890123456789012345678901234567890123  .env.dev\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(infra.SealFile(dir, "dev"), []byte(text), 0o644))
		seal, err := infra.ReadSeal(dir, "dev")
		if err == nil {
			assert.Len(t, seal, 64)
		}
	})
}
