package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// source is a checkout of growl-backend whose commits are releases.
type source struct {
	dir     string
	commits map[string]string
}

// changes are what a release's commit changes in the service: in which file,
// what is replaced by what.
var changes = map[string][3]string{
	"v1":        {"main.go", "", ""},
	"v2":        {"server.go", `[]byte("ok")`, `[]byte("ok, v2")`},
	"v3":        {"server.go", `[]byte("ok")`, `[]byte("ok, v3")`},
	"exits":     {"main.go", "func main() {", "func main() {\n\tfmt.Fprintln(os.Stderr, \"cannot log in to the database\")\n\tos.Exit(7)"},
	"unhealthy": {"server.go", `_, _ = w.Write([]byte("ok"))`, "w.WriteHeader(http.StatusInternalServerError)"},
}

// newSource is a repository with this one's service, at nothing committed yet.
func newSource(t testing.TB) *source {
	t.Helper()
	s := &source{dir: t.TempDir(), commits: map[string]string{}}
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, ".gitignore"), []byte("/growl-backend/bin/\n"), 0o600))
	s.git(t, "init", "-q")
	return s
}

func (s *source) git(t testing.TB, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=e2e", "-c", "user.email=e2e@localhost", "-c", "commit.gpgsign=false"}, args...)...)
	c.Dir = s.dir
	out, err := c.CombinedOutput()
	require.NoError(t, err, "git %v: %s", args, out)
	return string(bytes.TrimSpace(out))
}

// checkOut makes the tree a release's, and commits it where that is new.
func (s *source) checkOut(t testing.TB, release string) {
	t.Helper()
	if commit := s.commits[release]; commit != "" {
		s.git(t, "checkout", "-q", commit)
		return
	}
	service := filepath.Join(s.dir, "growl-backend")
	require.NoError(t, os.RemoveAll(service))
	require.NoError(t, os.Mkdir(service, 0o700))
	files, err := filepath.Glob("../growl-backend/*")
	require.NoError(t, err)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(service, filepath.Base(file)), text, 0o600))
		}
	}
	change := changes[release]
	file := filepath.Join(service, change[0])
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), change[1], release)
	require.NoError(t, os.WriteFile(file, bytes.Replace(text, []byte(change[1]), []byte(change[2]), 1), 0o600))
	s.git(t, "add", ".")
	s.git(t, "commit", "-q", "--allow-empty", "-m", "release "+release)
	s.commits[release] = s.git(t, "rev-parse", "HEAD")
}
