package engine_test

import (
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/engine/enginetest"
)

func TestImagesAreListedAndRemoved(t *testing.T) {
	m := newMachine(t)
	first, second := m.pull("v1", nil), m.pull("v2", nil)
	list, err := m.docker.ImageList(t.Context(), client.ImageListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
	assert.Equal(t, []string{second}, list.Items[0].RepoDigests, "newest first")
	assert.Equal(t, "v1", list.Items[1].Labels["commit"])

	list, err = m.docker.ImageList(t.Context(), client.ImageListOptions{Filters: client.Filters{}.Add("label", "commit=v1")})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)

	id := m.create(spec(first))
	_, err = m.docker.ImageRemove(t.Context(), first, client.ImageRemoveOptions{})
	require.True(t, errdefs.IsConflict(err), "a container has it: %v", err)
	_, err = m.docker.ContainerRemove(t.Context(), id, client.ContainerRemoveOptions{})
	require.NoError(t, err)
	removed, err := m.docker.ImageRemove(t.Context(), first, client.ImageRemoveOptions{})
	require.NoError(t, err)
	assert.Equal(t, first, removed.Items[0].Untagged)
	assert.NotEmpty(t, removed.Items[1].Deleted)
	_, err = m.docker.ImageInspect(t.Context(), first)
	require.True(t, errdefs.IsNotFound(err))
	m.run(spec(second))
}

func TestLastTagTakesTheDigestsAlong(t *testing.T) {
	m := newMachine(t)
	repository := m.registry.Host + "/growl-backend"
	ref := m.registry.Push(t, "growl-backend", "v1", enginetest.Image(t, "v1", nil))
	require.NoError(t, m.pullRef(repository+":v1"))
	_, err := m.docker.ImageTag(t.Context(), client.ImageTagOptions{Source: ref, Target: repository + ":deployed"})
	require.NoError(t, err)

	removed, err := m.docker.ImageRemove(t.Context(), repository+":v1", client.ImageRemoveOptions{})
	require.NoError(t, err)
	assert.Len(t, removed.Items, 1)
	_, err = m.docker.ImageInspect(t.Context(), ref)
	require.NoError(t, err, "another tag holds it")
	_, err = m.docker.ImageRemove(t.Context(), repository+":deployed", client.ImageRemoveOptions{})
	require.NoError(t, err)
	_, err = m.docker.ImageInspect(t.Context(), ref)
	require.True(t, errdefs.IsNotFound(err))
}

func TestPruneTakesWhatHasNoTag(t *testing.T) {
	m := newMachine(t)
	kept := m.pull("kept", nil)
	m.create(spec(kept))
	byDigest := m.pull("v1", nil)
	m.registry.Push(t, "growl-backend", "v2", enginetest.Image(t, "v2", nil))
	tagged := m.registry.Host + "/growl-backend:v2"
	require.NoError(t, m.pullRef(tagged))

	pruned, err := m.docker.ImagePrune(t.Context(), client.ImagePruneOptions{})
	require.NoError(t, err)
	assert.Equal(t, byDigest, pruned.Report.ImagesDeleted[0].Untagged)
	assert.Positive(t, pruned.Report.SpaceReclaimed)
	for ref, there := range map[string]bool{kept: true, byDigest: false, tagged: true} {
		_, err := m.docker.ImageInspect(t.Context(), ref)
		assert.Equal(t, there, err == nil, ref)
	}
	_, err = m.docker.ImagePrune(t.Context(), client.ImagePruneOptions{Filters: client.Filters{}.Add("dangling", "false")})
	require.NoError(t, err)
	_, err = m.docker.ImageInspect(t.Context(), tagged)
	require.True(t, errdefs.IsNotFound(err))
}
