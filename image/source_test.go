package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// committed is when the commits of checkout are made, far from now.
var committed = time.Date(2024, 2, 29, 12, 30, 15, 0, time.UTC)

// checkout makes a git checkout with a service in it, and returns the folders of both.
func checkout(t *testing.T) (root, service string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not in PATH")
	}
	root = t.TempDir()
	service = filepath.Join(root, "svc")
	write(t, filepath.Join(root, "README"), "a tree\n")
	write(t, filepath.Join(root, ".gitignore"), "/svc/bin/\n")
	write(t, filepath.Join(service, "go.mod"), "module example.com/svc\n\ngo 1.26.0\n\ntoolchain "+runtime.Version()+"\n")
	write(t, filepath.Join(service, "main.go"), `package main

import "os"

func main() { println(os.Getenv("GIT_COMMIT")) }
`)
	write(t, filepath.Join(service, "Dockerfile"), `FROM scratch
ARG TARGETARCH
ARG GIT_COMMIT=unknown
ENV GIT_COMMIT=${GIT_COMMIT}
COPY bin/svc-linux-${TARGETARCH:-amd64} /svc
USER 65534:65534
ENTRYPOINT ["/svc"]
`)
	runGit(t, root, "init", "--quiet")
	runGit(t, root, "add", ".")
	commit(t, root)
	return root, service
}

func commit(t *testing.T, root string) {
	t.Helper()
	runGit(t, root, "commit", "--quiet", "--all", "--allow-empty", "--message", "a commit")
}

func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	stamp := committed.Format(time.RFC3339)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE="+stamp,
		"GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@example.com", "GIT_COMMITTER_DATE="+stamp)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func TestReadSource(t *testing.T) {
	root, service := checkout(t)
	head := runGit(t, root, "rev-parse", "HEAD")
	runGit(t, root, "remote", "add", "origin", "https://user:hush@github.com/growl-dev/deploy.git")

	source, err := ReadSource(t.Context(), service)
	require.NoError(t, err)
	assert.Equal(t, Source{Commit: head, Time: committed, URL: "https://github.com/growl-dev/deploy"}, source)
	assert.Equal(t, head, source.Tag())
}

func TestReadSourceOfAShallowCloneWithoutOrigin(t *testing.T) {
	root, _ := checkout(t)
	commit(t, root)
	shallow := filepath.Join(t.TempDir(), "shallow")
	runGit(t, root, "clone", "--quiet", "--depth=1", "file://"+root, shallow)
	runGit(t, shallow, "remote", "remove", "origin")

	source, err := ReadSource(t.Context(), shallow)
	require.NoError(t, err)
	assert.Equal(t, Source{Commit: runGit(t, root, "rev-parse", "HEAD"), Time: committed}, source)
}

func TestDirty(t *testing.T) {
	tests := []struct {
		name, file string
		dirty      bool
	}{
		{"a tracked file of the service", "svc/main.go", true},
		{"a tracked file elsewhere", "README", true},
		{"an unknown file in the service", "svc/extra.go", true},
		{"an unknown file elsewhere", "notes.txt", false},
		{"an ignored file in the service", "svc/bin/svc-linux-amd64", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root, service := checkout(t)
			write(t, filepath.Join(root, test.file), "changed\n")
			source, err := ReadSource(t.Context(), service)
			require.NoError(t, err)
			assert.Equal(t, test.dirty, source.Dirty)
			assert.Equal(t, test.dirty, strings.HasSuffix(source.Tag(), "-dirty"))
		})
	}
}

func TestReadSourceOutsideOfACheckout(t *testing.T) {
	root, _ := checkout(t)
	require.NoError(t, os.RemoveAll(filepath.Join(root, ".git")))
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(root))
	_, err := ReadSource(t.Context(), root)
	require.ErrorContains(t, err, "read the commit of "+root+": git: ")
	require.ErrorContains(t, err, "build in a git checkout")
	assert.NotContains(t, err.Error(), "\n")

	t.Setenv("PATH", t.TempDir())
	_, err = ReadSource(t.Context(), root)
	require.ErrorIs(t, err, exec.ErrNotFound)
	require.ErrorContains(t, err, "the git command is not in PATH: install it")
}

func TestWebURL(t *testing.T) {
	for remote, want := range map[string]string{
		"git@github.com:growl-dev/deploy.git":               "https://github.com/growl-dev/deploy",
		"github.com:growl-dev/deploy":                       "https://github.com/growl-dev/deploy",
		"ssh://git@github.com:2222/growl-dev/deploy.git":    "https://github.com/growl-dev/deploy",
		"https://x-access-token:hush@github.com/o/r.git":    "https://github.com/o/r",
		"https://hush@git.example:8443/o/r?token=hush#frag": "https://git.example:8443/o/r",
		"/srv/git/deploy.git":                               "",
		"../deploy":                                         "",
		"file:///srv/git/deploy.git":                        "",
		"":                                                  "",
		"://":                                               "",
	} {
		assert.Equal(t, want, webURL(remote), remote)
	}
}

func FuzzWebURL(f *testing.F) {
	for _, seed := range []string{"git@h:p", "https://u:p@h/x", "ssh://u@h:1/x", "", "a:b", "http://[::1]/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, remote string) {
		got := webURL(remote)
		if got == "" {
			return
		}
		authority, _, _ := strings.Cut(strings.TrimPrefix(got, "https://"), "/")
		if !strings.HasPrefix(got, "https://") || authority == "" || strings.Contains(authority, "@") || strings.ContainsAny(got, "\n?#") {
			t.Errorf("%q became %q", remote, got)
		}
	})
}

func TestParseHead(t *testing.T) {
	for _, bad := range []string{"", "abc", "abc def", " 12"} {
		_, err := parseHead(bad)
		require.Error(t, err, bad)
	}
}

// A clone that belongs to somebody else is refused with git's own reason and remedy, and nothing else.
func TestACloneOfSomebodyElse(t *testing.T) {
	root, service := checkout(t)
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
	for name, read := range map[string]func() error{
		"source": func() error { _, err := ReadSource(t.Context(), service); return err },
		"compare": func() error {
			_, err := Compare(t.Context(), root, strings.Repeat("a", 40), strings.Repeat("b", 40))
			return err
		},
	} {
		err := read()
		require.ErrorContains(t, err, "fatal: detected dubious ownership in repository at '"+root+"' To add an exception for this directory, call: git config --global --add safe.directory "+root, name)
		require.NotContains(t, err.Error(), "build in a git checkout")
		require.NotContains(t, err.Error(), "\n")
	}
}
