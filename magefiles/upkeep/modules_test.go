package upkeep

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-version"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
)

// goMods parses the go.mod of every module of the repository.
func goMods(t *testing.T) map[string]*modfile.File {
	t.Helper()
	found := map[string]*modfile.File{}
	for _, folder := range append(modules(), "tools", adopter) {
		path := filepath.Join("..", "..", folder, "go.mod")
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		module, err := modfile.Parse(path, content, nil)
		require.NoError(t, err)
		found[folder] = module
	}
	return found
}

// TestModulesNameOneToolchain compares the toolchain lines, because setup-go installs the one in the root's go.mod, so
// that it decides which compiler makes the image that ships.
func TestModulesNameOneToolchain(t *testing.T) {
	want := goMods(t)["."].Toolchain
	require.NotNil(t, want)
	for folder, module := range goMods(t) {
		if assert.NotNil(t, module.Toolchain, "%s/go.mod has no toolchain line", folder) {
			assert.Equal(t, want.Name, module.Toolchain.Name, folder)
			toolchain, err := version.NewVersion(strings.TrimPrefix(module.Toolchain.Name, "go"))
			require.NoError(t, err)
			oldest, err := version.NewVersion(module.Go.Version)
			require.NoError(t, err)
			assert.False(t, toolchain.LessThan(oldest), "%s is older than go %s of %s/go.mod", module.Toolchain.Name, module.Go.Version, folder)
			assert.Len(t, toolchain.Segments(), 3, "%s names no patch release", module.Toolchain.Name)
		}
	}
	for name, text := range workflows(t) {
		assert.Equal(t, strings.Count(text, "uses: actions/setup-go@"), strings.Count(text, "go-version-file: go.mod\n"), "%s installs another Go", name)
	}
}

// TestTheBotKeepsVersionsCurrent reads Renovate's configuration: what is proposed by itself, and what is not.
func TestTheBotKeepsVersionsCurrent(t *testing.T) {
	content, err := os.ReadFile("../../renovate.json")
	require.NoError(t, err)
	type rule struct {
		MatchManagers, MatchDepTypes, MatchUpdateTypes []string
		Enabled                                        *bool
		DependencyDashboardApproval                    bool
		GroupName                                      string
	}
	var bot struct {
		Extends, EnabledManagers []string
		PackageRules             []rule
	}
	require.NoError(t, json.Unmarshal(content, &bot))
	assert.ElementsMatch(t, []string{"gomod", "github-actions", "dockerfile", "terraform"}, bot.EnabledManagers)
	assert.Contains(t, bot.Extends, "helpers:pinGitHubActionDigestsToSemver", "actions would lose their pins")
	find := func(manager, depType string) rule {
		t.Helper()
		at := slices.IndexFunc(bot.PackageRules, func(r rule) bool {
			return slices.Equal(r.MatchManagers, []string{manager}) && slices.Equal(r.MatchDepTypes, []string{depType})
		})
		require.GreaterOrEqual(t, at, 0, "there is no rule for %s of %s", depType, manager)
		return bot.PackageRules[at]
	}
	assert.NotEmpty(t, find("gomod", "toolchain").GroupName, "the modules would move one by one")
	assert.Nil(t, find("gomod", "toolchain").Enabled)
	provider := find("terraform", "required_provider")
	assert.Equal(t, []string{"major"}, provider.MatchUpdateTypes)
	assert.True(t, provider.DependencyDashboardApproval)
}
