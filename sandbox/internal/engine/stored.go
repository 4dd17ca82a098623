package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

var errLayers = errors.New("layers from manifest don't match image configuration")

// storedImage is an image whose layers are in the store's files. Only its method Layers may be called.
type storedImage struct {
	v1.Image
	layers []v1.Layer
}

func (i storedImage) Layers() ([]v1.Layer, error) { return i.layers, nil }

// open returns the image's layers, which are verified against the config while they are read.
func (s *images) open(r imageRecord) (v1.Image, error) {
	if len(r.layers) != len(r.config.RootFS.DiffIDs) {
		return nil, errLayers
	}
	img := storedImage{Image: empty.Image}
	for i, digest := range r.layers {
		l, err := partial.CompressedToLayer(storedFile{s.layerFile(digest), digest})
		if err != nil {
			return nil, err
		}
		img.layers = append(img.layers, storedLayer{l, r.config.RootFS.DiffIDs[i]})
	}
	return img, nil
}

// storedFile is a layer in the form that the registry has, compressed or not. Its digest was verified during the
// download.
type storedFile struct {
	path   string
	digest v1.Hash
}

func (f storedFile) Digest() (v1.Hash, error) { return f.digest, nil }

func (f storedFile) Compressed() (io.ReadCloser, error) { return os.Open(f.path) }

func (storedFile) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

func (f storedFile) Size() (int64, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// storedLayer verifies the layer's content while it is read.
type storedLayer struct {
	v1.Layer
	diff v1.Hash
}

func (l storedLayer) DiffID() (v1.Hash, error) { return l.diff, nil }

func (l storedLayer) Uncompressed() (io.ReadCloser, error) {
	rc, err := l.Layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	return &verifier{ReadCloser: rc, hash: sha256.New(), want: l.diff}, nil
}

type verifier struct {
	io.ReadCloser
	hash hash.Hash
	want v1.Hash
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.hash.Write(p[:n])
	if err == io.EOF {
		if got := hex.EncodeToString(v.hash.Sum(nil)); got != v.want.Hex {
			return n, fmt.Errorf("%w: %s, not %s", errLayers, got, v.want)
		}
	}
	return n, err
}
