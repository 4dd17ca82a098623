package ecr

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// manifests returns the media types of every manifest that an image may have. Without them ECR converts a manifest to
// an older form, which has another digest.
func manifests() []string {
	return []string{
		"application/vnd.oci.image.manifest.v1+json",
		"application/vnd.oci.image.index.v1+json",
		"application/vnd.docker.distribution.manifest.v2+json",
		"application/vnd.docker.distribution.manifest.list.v2+json",
	}
}

// Retag makes tag name the image with this digest, without pulling or pushing a layer. It succeeds if the tag already
// names that image. A tag that names another image moves if the repository allows it; otherwise the error is a
// [*ConflictError].
func (r *Repository) Retag(ctx context.Context, digest, tag string) error {
	if err := r.retag(ctx, digest, tag); err != nil {
		return fmt.Errorf("tag %s of %s as %s: %w", quoted(digest), *r.name(), quoted(tag), err)
	}
	return nil
}

func (r *Repository) retag(ctx context.Context, digest, tag string) error {
	if err := r.uri.checkTag(tag); err != nil {
		return err
	}
	if err := r.uri.checkDigest(digest); err != nil {
		return err
	}
	image, err := r.manifest(ctx, digest)
	if err != nil {
		return err
	}
	return r.put(ctx, image, digest, tag)
}

// manifest reads an image's manifest, byte for byte, and its media type.
func (r *Repository) manifest(ctx context.Context, digest string) (types.Image, error) {
	out, err := r.api.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RepositoryName:     r.name(),
		RegistryId:         r.registry(),
		ImageIds:           []types.ImageIdentifier{{ImageDigest: &digest}},
		AcceptedMediaTypes: manifests(),
	})
	switch {
	case err != nil:
		return types.Image{}, r.explain(err)
	case len(out.Failures) > 0:
		return types.Image{}, failed(out.Failures[0])
	case len(out.Images) != 1 || aws.ToString(out.Images[0].ImageManifest) == "":
		return types.Image{}, fmt.Errorf("%w: no manifest", errIncomplete)
	}
	return out.Images[0], nil
}

func (r *Repository) put(ctx context.Context, image types.Image, digest, tag string) error {
	_, err := r.api.PutImage(ctx, &ecr.PutImageInput{
		RepositoryName:         r.name(),
		RegistryId:             r.registry(),
		ImageManifest:          image.ImageManifest,
		ImageManifestMediaType: image.ImageManifestMediaType,
		ImageDigest:            &digest,
		ImageTag:               &tag,
	})
	var already *types.ImageAlreadyExistsException
	var immutable *types.ImageTagAlreadyExistsException
	switch {
	case errors.As(err, &already):
		return nil // a retry gets this too, if the response to the first attempt was lost
	case errors.As(err, &immutable):
		return r.sameImage(ctx, digest, tag)
	case err != nil:
		return r.explain(err)
	}
	return nil
}

// sameImage returns nil if an immutable tag already names this digest.
func (r *Repository) sameImage(ctx context.Context, digest, tag string) error {
	image, err := r.describe(ctx, types.ImageIdentifier{ImageTag: &tag})
	if err != nil {
		return err
	}
	if image.Digest != digest {
		return &ConflictError{Repository: *r.name(), Tag: tag, Have: image.Digest, Want: digest}
	}
	return nil
}
