package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompare(t *testing.T) {
	root := t.TempDir()
	run := func(args ...string) string {
		out, err := git{root}.run(t.Context(), append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		require.NoError(t, err)
		return out
	}
	commit := func(message string) string {
		run("commit", "--quiet", "--allow-empty", "--message", message)
		return run("rev-parse", "HEAD")
	}
	run("init", "--quiet")
	first := commit("first")
	second := commit("second")
	third := commit("third")
	run("checkout", "--quiet", "-b", "other", first)
	beside := commit("beside")
	run("checkout", "--quiet", "--orphan", "fresh")
	unrelated := commit("unrelated")

	for _, test := range []struct {
		name, commit, other string
		want                Ancestry
	}{
		{"the same", second, second, Same},
		{"the parent", first, second, Older},
		{"an ancestor", first, third, Older},
		{"a descendant", third, first, Newer},
		{"another branch", beside, third, Diverged},
		{"no common history", unrelated, third, Diverged},
		{"a commit that the checkout lacks", strings.Repeat("a", 40), third, Unknown},
		{"compared with one that it lacks", third, strings.Repeat("a", 40), Unknown},
		{"the same one, which it lacks", strings.Repeat("a", 40), strings.Repeat("a", 40), Same},
		{"a tree", first, run("rev-parse", "HEAD^{tree}"), Unknown},
		{"nothing", first, "", Unknown},
		{"an abbreviation", first[:12], third, Unknown},
		{"an option", first, "--all", Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Compare(t.Context(), root, test.commit, test.other)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}

	t.Run("a shallow checkout", func(t *testing.T) {
		shallow := filepath.Join(t.TempDir(), "shallow")
		run("clone", "--quiet", "--depth=1", "file://"+root, shallow)
		_, err := Compare(t.Context(), shallow, first, unrelated)
		require.ErrorIs(t, err, ErrShallow)
		require.ErrorContains(t, err, "fetch-depth: 0")
	})
	t.Run("no checkout", func(t *testing.T) {
		t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
		_, err := Compare(t.Context(), t.TempDir(), first, third)
		require.ErrorContains(t, err, "not a git repository")
	})
}
