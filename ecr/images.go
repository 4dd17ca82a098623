package ecr

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Image is one image of the repository.
type Image struct {
	// Digest is sha256:<64 hex digits>.
	Digest string
	// Tags are all tags that name the image.
	Tags     []string
	PushedAt time.Time
	// Size is the size of its compressed layers in bytes.
	Size int64
	// Commit is the tag that is a full commit SHA (40 hex digits). It is empty if no tag or more than one is a SHA;
	// then only a label of the image names its commit.
	Commit string
}

// Names returns the commit's tag if the image has one, else all of its tags, separated by commas.
func (i Image) Names() string {
	if i.Commit != "" {
		return i.Commit
	}
	return strings.Join(slices.Sorted(slices.Values(i.Tags)), ", ")
}

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Resolve returns the image that tag names now. It refuses a malformed tag without a call. The error for an unknown tag
// is [ErrNotFound].
func (r *Repository) Resolve(ctx context.Context, tag string) (Image, error) {
	err := r.uri.checkTag(tag)
	if err == nil {
		var image Image
		if image, err = r.describe(ctx, types.ImageIdentifier{ImageTag: &tag}); err == nil {
			return image, nil
		}
	}
	return Image{}, fmt.Errorf("resolve tag %s of %s: %w", quoted(tag), *r.name(), err)
}

// ResolveDigest returns the image with this digest. It refuses a malformed digest without a call. The error for an
// unknown digest is [ErrNotFound].
func (r *Repository) ResolveDigest(ctx context.Context, digest string) (Image, error) {
	err := r.uri.checkDigest(digest)
	if err == nil {
		var image Image
		if image, err = r.describe(ctx, types.ImageIdentifier{ImageDigest: &digest}); err == nil {
			return image, nil
		}
	}
	return Image{}, fmt.Errorf("resolve digest %s of %s: %w", quoted(digest), *r.name(), err)
}

// Recent returns the n tagged images that were pushed last, newest first. It reads all pages, because ECR returns
// images in no order.
func (r *Repository) Recent(ctx context.Context, n int) ([]Image, error) {
	pages := ecr.NewDescribeImagesPaginator(r.api, &ecr.DescribeImagesInput{
		RepositoryName: r.name(),
		RegistryId:     r.registry(),
		Filter:         &types.DescribeImagesFilter{TagStatus: types.TagStatusTagged},
		MaxResults:     aws.Int32(1000),
	}, func(o *ecr.DescribeImagesPaginatorOptions) { o.StopOnDuplicateToken = true })
	var images []Image
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list images of %s: %w", *r.name(), r.explain(err))
		}
		for _, detail := range page.ImageDetails {
			if image := imageOf(detail); len(image.Tags) > 0 {
				images = append(images, image)
			}
		}
	}
	slices.SortStableFunc(images, func(a, b Image) int { return b.PushedAt.Compare(a.PushedAt) })
	return images[:min(max(n, 0), len(images))], nil
}

// describe reads one image.
func (r *Repository) describe(ctx context.Context, id types.ImageIdentifier) (Image, error) {
	out, err := r.api.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RepositoryName: r.name(),
		RegistryId:     r.registry(),
		ImageIds:       []types.ImageIdentifier{id},
	})
	if err != nil {
		return Image{}, r.explain(err)
	}
	if len(out.ImageDetails) != 1 {
		return Image{}, fmt.Errorf("%w: %d images described for one", errIncomplete, len(out.ImageDetails))
	}
	image := imageOf(out.ImageDetails[0])
	if err := r.uri.checkDigest(image.Digest); err != nil {
		return Image{}, fmt.Errorf("%w: %w", errIncomplete, err)
	}
	return image, nil
}

func imageOf(detail types.ImageDetail) Image {
	return Image{
		Digest:   aws.ToString(detail.ImageDigest),
		Tags:     detail.ImageTags,
		PushedAt: aws.ToTime(detail.ImagePushedAt),
		Size:     aws.ToInt64(detail.ImageSizeInBytes),
		Commit:   commitOf(detail.ImageTags),
	}
}

// commitOf returns the tag that is a commit's SHA, or "" if none or more than one is.
func commitOf(tags []string) string {
	var found string
	for _, tag := range tags {
		if !commit.MatchString(tag) {
			continue
		}
		if found != "" {
			return ""
		}
		found = tag
	}
	return found
}

// quoted returns text as it is, or quoted if it is empty or holds characters that could mislead a reader.
func quoted(text string) string {
	if q := fmt.Sprintf("%q", text); len(q) != len(text)+2 || text == "" {
		return q
	}
	return text
}
