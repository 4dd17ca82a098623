package image

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// world is a checkout, a fake engine that holds its image, and a fake registry.
type world struct {
	state
	registry fakeRegistry
	options  Options
	commit   string
	root     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root, service := checkout(t)
	s := useFakeDocker(t)
	w := &world{s, fakeRegistry{state: s, retags: new([]string)}, Options{Dir: service}, runGit(t, root, "rev-parse", "HEAD"), root}
	w.keep("engine", "svc:"+w.commit, w.image("sha256:aaaaaa"))
	return w
}

func (w *world) image(id string) inspected {
	return inspected{
		ID: id, Os: "linux", Architecture: "amd64",
		Config: config{Labels: map[string]string{revisionLabel: w.commit}},
		RootFS: struct{ Layers []string }{[]string{"sha256:layer"}},
	}
}

// nothingLeft checks that the private configuration was removed and no command line contains the token.
func (w *world) nothingLeft(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	assert.Empty(t, left, "the private configuration is left")
	assert.NotContains(t, w.get("calls"), token)
}

func TestPush(t *testing.T) {
	w := newWorld(t)
	pushed, err := Push(t.Context(), w.options, w.registry)
	require.NoError(t, err)
	assert.False(t, pushed.Present)
	assert.Equal(t, "registry.example/svc:"+w.commit, pushed.Ref)
	assert.Equal(t, []string{Latest}, *w.registry.retags)
	assert.Equal(t, pushed.Digest, w.images("registry")[Latest].ID)
	assert.Zero(t, w.calls("push registry.example/svc:latest"), "latest is moved, not uploaded")
	w.nothingLeft(t)

	again, err := Push(t.Context(), w.options, w.registry)
	require.NoError(t, err)
	assert.True(t, again.Present)
	assert.Equal(t, pushed.Digest, again.Digest)
	assert.Equal(t, 1, w.calls("image push"), "images are pushed once")
	assert.Zero(t, w.calls("image pull"), "the engine records the digests that it pushed")
}

// TestPushOnlyForward pushes a commit while latest names another one.
func TestPushOnlyForward(t *testing.T) {
	digest := "sha256:" + strings.Repeat("e", 64)
	for _, test := range []struct {
		name string
		// latest makes the commit that latest names.
		latest func(*testing.T, *world) string
		kept   string
	}{
		{"a newer one", func(t *testing.T, w *world) string {
			commit(t, w.root)
			newer := runGit(t, w.root, "rev-parse", "HEAD")
			runGit(t, w.root, "checkout", "--quiet", "HEAD~1")
			return newer
		}, "is older than "},
		{"one pushed since this checkout was made", func(*testing.T, *world) string { return strings.Repeat("a", 40) },
			"which this checkout does not hold; a push without -onlyForward moves it"},
		{"one on another branch", func(t *testing.T, w *world) string {
			runGit(t, w.root, "checkout", "--quiet", "--orphan", "other")
			commit(t, w.root)
			other := runGit(t, w.root, "rev-parse", "HEAD")
			runGit(t, w.root, "checkout", "--quiet", "--force", w.commit)
			return other
		}, ""},
		{"nothing", func(*testing.T, *world) string { return "" }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if other := test.latest(t, w); other != "" {
				held := w.image("sha256:bbbbbb")
				held.Config.Labels = map[string]string{revisionLabel: other}
				w.keep("registry", digest, held)
				w.keep("registry", Latest, inspected{ID: digest})
			}
			w.options.OnlyForward = true
			pushed, err := Push(t.Context(), w.options, w.registry)
			require.NoError(t, err)
			assert.Equal(t, pushed.Digest, w.images("registry")[w.commit].ID, "the commit's own image is pushed in any case")
			if test.kept != "" {
				assert.Contains(t, pushed.Kept, test.kept)
				assert.Equal(t, digest, w.images("registry")[Latest].ID, "latest moved")
				return
			}
			assert.Empty(t, pushed.Kept)
			assert.Equal(t, pushed.Digest, w.images("registry")[Latest].ID)

			older := w.registry
			older.fail = errors.New("it is moved again")
			w.options.OnlyForward = false
			_, err = Push(t.Context(), w.options, older)
			require.ErrorIs(t, err, older.fail, "without the flag latest moves always")
		})
	}
}

func TestPushInterruptedBeforeLatestIsFinishedByTheNext(t *testing.T) {
	w := newWorld(t)
	w.registry.fail = errors.New("throttled")
	_, err := Push(t.Context(), w.options, w.registry)
	require.ErrorIs(t, err, w.registry.fail)
	require.ErrorContains(t, err, "is pushed, but latest does not name it yet: throttled: running it again")
	w.nothingLeft(t)

	w.registry.fail = nil
	pushed, err := Push(t.Context(), w.options, w.registry)
	require.NoError(t, err)
	assert.True(t, pushed.Present)
	assert.Equal(t, pushed.Digest, w.images("registry")[Latest].ID)
	assert.Equal(t, 1, w.calls("image push"))
}

func TestPushDenied(t *testing.T) {
	for _, denied := range []string{"login", "image push"} {
		t.Run(denied, func(t *testing.T) {
			w := newWorld(t)
			w.set("fail", denied)
			_, err := Push(t.Context(), w.options, w.registry)
			require.ErrorContains(t, err, "docker: denied: not so (exit status 1)")
			assert.NotContains(t, err.Error(), "\n")
			assert.Empty(t, *w.registry.retags)
			w.nothingLeft(t)
		})
	}
}

func TestPushOfACommitThatIsThere(t *testing.T) {
	tests := []struct {
		name string
		// change makes the registry's image from the engine's.
		change  func(*inspected)
		local   bool
		conform bool
	}{
		{"built anew elsewhere, the same otherwise", func(i *inspected) { i.ID = "sha256:other" }, true, true},
		{"another layer", func(i *inspected) { i.RootFS.Layers = []string{"sha256:else"} }, true, false},
		{"another environment", func(i *inspected) { i.Config.Env = []string{"A=b"} }, true, false},
		{"another platform", func(i *inspected) { i.Architecture = "arm64" }, true, false},
		{"nothing in the engine", func(*inspected) {}, false, true},
		{"nothing in the engine, another commit", func(i *inspected) { i.Config.Labels = nil }, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			held := w.image("sha256:bbbbbb")
			test.change(&held)
			digest := "sha256:" + strings.Repeat("e", 64)
			w.keep("registry", digest, held)
			w.keep("registry", w.commit, inspected{ID: digest})
			if !test.local {
				w.set("engine", "")
			}
			pushed, err := Push(t.Context(), w.options, w.registry)
			assert.Zero(t, w.calls("image push"))
			if test.conform {
				require.NoError(t, err)
				assert.Equal(t, Pushed{Ref: "registry.example/svc:" + w.commit, Digest: digest, Present: true}, pushed)
				return
			}
			require.ErrorContains(t, err, "the registry already holds registry.example/svc:"+w.commit+" as "+digest)
			var conflict *ConflictError
			assert.Equal(t, test.local, errors.As(err, &conflict))
			assert.Empty(t, *w.registry.retags, "latest did not move")
		})
	}
}

func TestPushRefuses(t *testing.T) {
	tests := []struct {
		name string
		is   func(*testing.T, *world)
		want string
	}{
		{"a dirty tree", func(t *testing.T, w *world) { write(t, w.root+"/README", "changed\n") }, "commit or stash"},
		{"an engine that does not answer", func(_ *testing.T, w *world) { w.set("fail", "version") }, "start Docker, or point DOCKER_HOST"},
		{"no image", func(_ *testing.T, w *world) { w.set("engine", "") }, "the engine has no image svc:"},
		{"another platform", func(_ *testing.T, w *world) { w.options.Platform = "linux/arm64" }, "is built for linux/amd64, not for linux/arm64"},
		{"no folder", func(_ *testing.T, w *world) { w.options.Dir = "" }, "no folder of a service"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.is(t, w)
			_, err := Push(t.Context(), w.options, w.registry)
			require.ErrorContains(t, err, test.want)
			assert.Zero(t, w.calls("login"), "nothing was begun")
		})
	}
}

func TestThePrivateConfigurationNamesTheUsersEngine(t *testing.T) {
	users := t.TempDir()
	t.Setenv("DOCKER_CONFIG", users)
	write(t, users+"/config.json", `{"auths":{"x":{"auth":"hush"}},"credsStore":"desktop","currentContext":"colima"}`)
	write(t, users+"/contexts/meta/f", "context")

	dir, err := privateConfig("registry.example")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	content, err := os.ReadFile(dir + "/config.json")
	require.NoError(t, err)
	assert.JSONEq(t, `{"auths":{"registry.example":{}},"currentContext":"colima"}`, string(content))
	content, err = os.ReadFile(dir + "/contexts/meta/f")
	require.NoError(t, err)
	assert.Equal(t, "context", string(content))

	write(t, users+"/config.json", `{`)
	_, err = privateConfig("registry.example")
	require.ErrorContains(t, err, "read "+users+"/config.json: ")
}
