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

func envFile(dir string) infra.EnvFile { return infra.ConventionalEnvFile(dir, "dev") }

func sealed(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(envFile(dir).Path, []byte(content), 0o600))
	changed, err := envFile(dir).WriteSeal(nil)
	require.NoError(t, err)
	require.True(t, changed)
	return dir
}

func TestASealHoldsUntilTheFileChanges(t *testing.T) {
	dir := sealed(t, "A=1\n")
	require.NoError(t, envFile(dir).CheckSeal(nil))
	changed, err := envFile(dir).WriteSeal(nil)
	require.NoError(t, err)
	assert.False(t, changed, "the seal was there already")

	require.NoError(t, os.WriteFile(envFile(dir).Path, []byte("A=canary\n"), 0o600))
	err = envFile(dir).CheckSeal(nil)
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
			require.NoError(t, os.WriteFile(envFile(dir).Path, []byte(c.content), 0o600))
			err := envFile(dir).CheckSeal(nil)
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
			require.NoError(t, os.WriteFile(envFile(dir).Path, []byte(content), 0o600))
			_, err := envFile(dir).WriteSeal(nil)
			require.ErrorContains(t, err, "does not end with exactly one newline")
			assert.NoFileExists(t, envFile(dir).Seal)
		})
	}
}

func TestASealIsWhatSha256sumWrites(t *testing.T) {
	dir := sealed(t, "A=1\n")
	text, err := os.ReadFile(filepath.Join(dir, "env-dev.sha256"))
	require.NoError(t, err)
	assert.Equal(t, "91d6a3d55e9fea7911c537afae6607c77fa8bc0f3a76c375e104ac5a8cfa84db  .env.dev\n", string(text))
}

func TestASealNamesTheFileAsItsFolderSeesIt(t *testing.T) {
	dir := t.TempDir()
	f := infra.EnvFile{Path: filepath.Join(dir, "secret", "my variables"), Seal: filepath.Join(dir, "seals", "live")}
	require.NoError(t, os.Mkdir(filepath.Dir(f.Path), 0o755))
	require.NoError(t, os.Mkdir(filepath.Dir(f.Seal), 0o755))
	require.NoError(t, os.WriteFile(f.Path, []byte("A=1\n"), 0o600))
	_, err := f.WriteSeal(nil)
	require.NoError(t, err)
	text, err := os.ReadFile(f.Seal)
	require.NoError(t, err)
	assert.Equal(t, "91d6a3d55e9fea7911c537afae6607c77fa8bc0f3a76c375e104ac5a8cfa84db  ../secret/my variables\n", string(text))
	require.NoError(t, f.CheckSeal(nil))
}

func TestSealsThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "short": "abc  .env.dev\n", "upper case": "ABCDEF0123456789012345678901234567890123456789012345678901234567  .env.dev\n",
		"two lines": "0123456789012345678901234567890123456789012345678901234567890123  a\n0123456789012345678901234567890123456789012345678901234567890123  b\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := sealed(t, "A=1\n")
			require.NoError(t, os.WriteFile(envFile(dir).Seal, []byte(text), 0o644))
			require.ErrorContains(t, envFile(dir).CheckSeal(nil), "env:seal writes it anew")
		})
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	dir := sealed(t, "A=1\n")
	require.NoError(t, os.Remove(envFile(dir).Path))
	err := envFile(dir).CheckSeal(nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, ".env.dev")

	require.NoError(t, os.Remove(envFile(dir).Seal))
	require.ErrorContains(t, envFile(dir).CheckSeal(nil), "env-dev.sha256: there is none")
}

func TestAMalformedEnvFileIsNotSealed(t *testing.T) {
	dir := sealed(t, "A=1\n")
	require.NoError(t, os.Remove(envFile(dir).Seal))
	_, err := envFile(dir).WriteSeal(func([]byte) error { return errors.New("line 1: no name") })
	require.ErrorContains(t, err, "line 1: no name")
	assert.NoFileExists(t, envFile(dir).Seal)
}

func FuzzReadSeal(f *testing.F) {
	f.Add("0123456789012345678901234567890123456789012345678901234567890123  .env.dev\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(envFile(dir).Seal, []byte(text), 0o644))
		seal, err := envFile(dir).ReadSeal()
		if err == nil {
			assert.Len(t, seal, 64)
		}
	})
}
