package ecr

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRetagMovesTheTagByteForByte(t *testing.T) {
	f, r := newFake(t)
	one := f.push(`{ "schemaVersion": 2,  "odd spacing": "<kept>" }`, monday, sha1, "latest")
	two := f.push("manifest two", monday, sha2)

	require.NoError(t, r.Retag(t.Context(), two, "latest"))
	image, err := r.Resolve(t.Context(), "latest")
	require.NoError(t, err)
	assert.Equal(t, two, image.Digest)

	require.NoError(t, r.Retag(t.Context(), one, "latest"), "and back")
	require.NoError(t, r.Retag(t.Context(), one, "latest"), "once more is a success")
	image, err = r.Resolve(t.Context(), "latest")
	require.NoError(t, err)
	assert.Equal(t, one, image.Digest)
	assert.Equal(t, manifests(), f.called("BatchGetImage")[0].in.Accepted)
}

func TestRetagReturnsFailuresInA200(t *testing.T) {
	f, r := newFake(t)
	err := r.Retag(t.Context(), unknown, "latest")
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, "tag "+unknown+" of growl-backend as latest")
	assert.Empty(t, f.called("PutImage"))
}

func TestRetagOnAnImmutableRepository(t *testing.T) {
	f, r := newFake(t)
	f.immutable = true
	one, two := f.push("manifest one", monday, sha1), f.push("manifest two", monday, sha2)

	require.NoError(t, r.Retag(t.Context(), one, "deployed-dev"))
	err := r.Retag(t.Context(), two, "deployed-dev")
	var conflict *ConflictError
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, one, conflict.Have)
	assert.Equal(t, two, conflict.Want)
}

func TestRetagWhoseAnswerIsLostSucceeds(t *testing.T) {
	f, r := newFake(t)
	one := f.push("manifest one", monday, sha1)
	_, err := r.manifest(t.Context(), one)
	require.NoError(t, err)
	image, err := r.manifest(t.Context(), one)
	require.NoError(t, err)

	f.set(func() { f.lose = 1 })
	require.NoError(t, r.put(t.Context(), image, one, "latest"))
	assert.Len(t, f.called("PutImage"), 2, "the second finds ImageAlreadyExistsException")
	resolved, err := r.Resolve(t.Context(), "latest")
	require.NoError(t, err)
	assert.Equal(t, one, resolved.Digest)
}
