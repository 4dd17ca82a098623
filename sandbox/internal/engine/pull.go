package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// pull serves POST /images/create?fromImage=&tag=. An error before the first line is sent as a status, because a later
// one can only be a line of the stream.
func (h *imageAPI) pull(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Get("fromSrc") != "" {
		return badRequest("import is not part of the sandbox: pull from its registry")
	}
	ref, err := pullReference(r.URL.Query().Get("fromImage"), r.URL.Query().Get("tag"))
	if err != nil {
		return err
	}
	auth, err := registryAuth(r.Header)
	if err != nil {
		return err
	}
	select {
	case h.images.pull <- struct{}{}:
		defer func() { <-h.images.pull }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	found, err := h.resolve(r.Context(), ref, auth)
	if err != nil {
		return err
	}
	out := newProgressStream(w)
	if err := h.fetch(r.Context(), out, found); err != nil {
		out.fail(err)
	}
	return nil
}

// pullReference joins the two parameters. The tag may be a digest. If neither parameter has a tag or a digest, the tag
// is latest.
func pullReference(from, tag string) (reference.Named, error) {
	text := from
	switch {
	case strings.HasPrefix(tag, "sha256:"):
		text += "@" + tag
	case tag != "":
		text += ":" + tag
	}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return nil, badRequest("invalid reference format: %q", text)
	}
	return reference.TagNameOnly(named), nil
}

// pullable is an image in a registry whose manifest was read and verified.
type pullable struct {
	ref    reference.Named
	digest v1.Hash // of the manifest or index to which the reference leads
	image  v1.Image
}

// resolve reads the manifest of the image for this machine's platform.
func (h *imageAPI) resolve(ctx context.Context, ref reference.Named, auth authn.Authenticator) (pullable, error) {
	// The sandbox's registries serve plain HTTP, which Insecure permits.
	remoteRef, err := name.ParseReference(pinned(ref), name.Insecure)
	if err != nil {
		return pullable{}, badRequest("invalid reference format: %v", err)
	}
	got, err := remote.Get(remoteRef, remote.WithContext(ctx), remote.WithAuth(auth), remote.WithTransport(h.transport),
		remote.WithPlatform(v1.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}))
	if err != nil {
		return pullable{}, registryError(ref, auth, err)
	}
	image, err := got.Image()
	if err != nil {
		return pullable{}, registryError(ref, auth, err)
	}
	return pullable{ref: ref, digest: got.Digest, image: image}, nil
}

// pinned returns the reference without its tag if it has a digest too, because Docker ignores the tag then.
func pinned(ref reference.Named) string {
	if d, ok := ref.(reference.Canonical); ok {
		return d.Name() + "@" + d.Digest().String()
	}
	return ref.String()
}

// registryError translates a registry's error as Docker does (moby, distribution/errors.go). The statuses were observed
// with Engine 20.10, also 500 for a missing or wrong login.
func registryError(ref reference.Named, auth authn.Authenticator, err error) error {
	familiar := reference.FamiliarString(ref)
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return internal("pull %s: %v", familiar, err)
	}
	message := answerMessage(answer)
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		if auth == authn.Anonymous {
			return internal("Head %q: no basic auth credentials", "http://"+reference.Domain(ref)+"/v2/"+reference.Path(ref)+"/manifests/"+tagOf(ref))
		}
		return internal("unauthorized: %s", message)
	case http.StatusForbidden:
		return notFound("pull access denied for %s, repository does not exist or may require 'docker login': denied: %s",
			reference.FamiliarName(ref), message)
	case http.StatusNotFound:
		return notFound("manifest for %s not found: manifest unknown: %s", familiar, message)
	default:
		return internal("received unexpected HTTP status: %d %s: %s", answer.StatusCode, http.StatusText(answer.StatusCode), message)
	}
}

func answerMessage(answer *transport.Error) string {
	var messages []string
	for _, d := range answer.Errors {
		messages = append(messages, d.Message)
	}
	if len(messages) == 0 {
		return strings.ToLower(http.StatusText(answer.StatusCode))
	}
	return strings.Join(messages, "; ")
}

// fetch downloads and unpacks the image and gives it its names.
func (h *imageAPI) fetch(ctx context.Context, out *progressStream, p pullable) error {
	out.status(tagOf(p.ref), "Pulling from %s", reference.Path(p.ref))
	record, err := recordOf(p.image)
	if err != nil {
		return err
	}
	if _, missing := h.images.find(record.id); missing != nil {
		if err := h.download(ctx, out, p, record); err != nil {
			return err
		}
	}
	digested := p.ref.Name() + "@" + p.digest.String()
	tagged := ""
	if _, ok := p.ref.(reference.Canonical); !ok {
		tagged = p.ref.String()
	}
	before, _ := h.images.find(p.ref.String()) // the zero record if there is none
	h.images.add(record, digested, tagged)
	out.status("", "Digest: %s", p.digest)
	status := "Downloaded newer image for"
	if before.id == record.id {
		status = "Image is up to date for"
	}
	out.status("", "Status: %s %s", status, reference.FamiliarString(p.ref))
	return nil
}

func recordOf(img v1.Image) (imageRecord, error) {
	id, err := img.ConfigName()
	if err != nil {
		return imageRecord{}, err
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return imageRecord{}, err
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return imageRecord{}, fmt.Errorf("read the config of image %s: %w", id, err)
	}
	return imageRecord{id: id.String(), raw: raw, config: config}, nil
}

func tagOf(ref reference.Named) string {
	if d, ok := ref.(reference.Canonical); ok {
		return d.Digest().String()
	}
	return ref.(reference.Tagged).Tag() // TagNameOnly has added a tag
}

// download downloads the missing layers and unpacks the image.
func (h *imageAPI) download(ctx context.Context, out *progressStream, p pullable, r imageRecord) error {
	layers, err := p.image.Layers()
	if err != nil {
		return err
	}
	var todo []v1.Layer
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return err
		}
		r.layers = append(r.layers, digest)
		if _, err := os.Stat(h.images.layerFile(digest)); err == nil {
			out.status(digest.Hex[:12], "Already exists")
			continue
		}
		out.layer(digest.Hex[:12], "Pulling fs layer", 0, 0)
		todo = append(todo, l)
	}
	for _, l := range todo {
		if err := h.images.downloadLayer(out, l); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.size, err = h.unpack(out, r); err != nil {
		return err
	}
	h.images.add(r)
	return nil
}
