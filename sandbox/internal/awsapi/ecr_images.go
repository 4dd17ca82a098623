package awsapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

// imageID names an image by tag, by digest, or by both, which must agree.
type imageID struct {
	ImageDigest string `json:"imageDigest,omitempty"`
	ImageTag    string `json:"imageTag,omitempty"`
}

// String returns the form in which ECR's messages name an image.
func (id imageID) String() string {
	quoted := func(s string) string {
		if s == "" {
			return "'null'"
		}
		return "'" + s + "'"
	}
	return "{imageDigest:" + quoted(id.ImageDigest) + ", imageTag:" + quoted(id.ImageTag) + "}"
}

// page selects one part of a list. The token is the number of entries before it.
type page struct {
	MaxResults int    `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

const defaultPage = 100

func paged[T any](all []T, p page) (part []T, next string, err error) {
	start := 0
	if p.NextToken != "" {
		if start, err = strconv.Atoi(p.NextToken); err != nil || start < 0 || start > len(all) {
			return nil, "", badRequest("InvalidParameterException", "Invalid parameter at 'nextToken'")
		}
	}
	size := p.MaxResults
	if size == 0 {
		size = defaultPage
	}
	if size < 1 || size > 1000 {
		return nil, "", badRequest("InvalidParameterException", "Invalid parameter at 'maxResults': must be between 1 and 1000")
	}
	end := min(start+size, len(all))
	if end < len(all) {
		next = strconv.Itoa(end)
	}
	return all[start:end], next, nil
}

type tagFilter struct {
	TagStatus string `json:"tagStatus"`
}

func (f tagFilter) lets(tagged bool) bool {
	return f.TagStatus == "" || f.TagStatus == "ANY" || tagged == (f.TagStatus == "TAGGED")
}

type imagesInput struct {
	RegistryID     string    `json:"registryId"`
	RepositoryName string    `json:"repositoryName"`
	ImageIDs       []imageID `json:"imageIds"`
	Filter         tagFilter `json:"filter"`
	page
}

type imageDetail struct {
	RegistryID             string   `json:"registryId"`
	RepositoryName         string   `json:"repositoryName"`
	ImageDigest            string   `json:"imageDigest"`
	ImageTags              []string `json:"imageTags,omitempty"`
	ImageSizeInBytes       int64    `json:"imageSizeInBytes"`
	ImagePushedAt          epoch    `json:"imagePushedAt"`
	ImageManifestMediaType string   `json:"imageManifestMediaType"`
}

func (s ecrService) describeImages(in imagesInput) (any, error) {
	images, err := s.selected(in)
	if err != nil {
		return nil, err
	}
	details := []imageDetail{}
	for _, image := range images {
		if in.Filter.lets(len(image.Tags) > 0) {
			details = append(details, s.detail(image))
		}
	}
	part, next, err := paged(details, in.page)
	if err != nil {
		return nil, err
	}
	return struct {
		ImageDetails []imageDetail `json:"imageDetails"`
		NextToken    string        `json:"nextToken,omitempty"`
	}{part, next}, nil
}

func (s ecrService) detail(image registry.Image) imageDetail {
	return imageDetail{
		RegistryID:             s.registry.Account(),
		RepositoryName:         image.Repository,
		ImageDigest:            image.Digest,
		ImageTags:              image.Tags,
		ImageSizeInBytes:       image.Size,
		ImagePushedAt:          epoch(image.Pushed),
		ImageManifestMediaType: image.MediaType,
	}
}

// selected returns the images that the call names, or all if it names none. Each named image must exist.
func (s ecrService) selected(in imagesInput) ([]registry.Image, error) {
	all, err := s.images(in)
	if err != nil || len(in.ImageIDs) == 0 {
		return all, err
	}
	var images []registry.Image
	for _, id := range in.ImageIDs {
		image, err := s.image(in.RepositoryName, id)
		if err != nil {
			return nil, s.worded(err, in.RepositoryName, id)
		}
		images = append(images, image)
	}
	return images, nil
}

func (s ecrService) images(in imagesInput) ([]registry.Image, error) {
	if s.foreign(in.RegistryID) {
		return nil, s.noRepository(in.RepositoryName, in.RegistryID)
	}
	all, err := s.registry.Images(in.RepositoryName)
	if err != nil {
		return nil, s.worded(err, in.RepositoryName, imageID{})
	}
	return all, nil
}

// errDigest is returned for a tag and a digest of different images.
var errDigest = errors.New("tag does not match digest")

func (s ecrService) image(repository string, id imageID) (registry.Image, error) {
	reference := id.ImageTag
	if reference == "" {
		reference = id.ImageDigest
	}
	if reference == "" {
		return registry.Image{}, badRequest("InvalidParameterException", "Invalid parameter at 'imageIds' failed to satisfy constraint: 'ImageId must contain a tag or a digest'")
	}
	image, err := s.registry.Image(repository, reference)
	if err == nil && id.ImageDigest != "" && id.ImageDigest != image.Digest {
		return registry.Image{}, errors.Join(errDigest, registry.ErrImageNotFound)
	}
	return image, err
}

func (s ecrService) listImages(in imagesInput) (any, error) {
	all, err := s.images(in)
	if err != nil {
		return nil, err
	}
	ids := []imageID{}
	for _, image := range all {
		if !in.Filter.lets(len(image.Tags) > 0) {
			continue
		}
		for _, tag := range image.Tags {
			ids = append(ids, imageID{image.Digest, tag})
		}
		if len(image.Tags) == 0 {
			ids = append(ids, imageID{ImageDigest: image.Digest})
		}
	}
	part, next, err := paged(ids, in.page)
	if err != nil {
		return nil, err
	}
	return struct {
		ImageIDs  []imageID `json:"imageIds"`
		NextToken string    `json:"nextToken,omitempty"`
	}{part, next}, nil
}

type imageJSON struct {
	RegistryID             string  `json:"registryId"`
	RepositoryName         string  `json:"repositoryName"`
	ImageID                imageID `json:"imageId"`
	ImageManifest          string  `json:"imageManifest"`
	ImageManifestMediaType string  `json:"imageManifestMediaType"`
}

type imageFailure struct {
	ImageID       imageID `json:"imageId"`
	FailureCode   string  `json:"failureCode"`
	FailureReason string  `json:"failureReason"`
}

// batchGetImage returns status 200 even if images are missing, which are failures in the result.
func (s ecrService) batchGetImage(in imagesInput) (any, error) {
	if _, err := s.images(in); err != nil {
		return nil, err
	}
	result := struct {
		Images   []imageJSON    `json:"images"`
		Failures []imageFailure `json:"failures"`
	}{[]imageJSON{}, []imageFailure{}}
	for _, id := range in.ImageIDs {
		image, err := s.image(in.RepositoryName, id)
		if err != nil {
			result.Failures = append(result.Failures, failure(id, err))
			continue
		}
		result.Images = append(result.Images, s.manifest(image, id.ImageTag))
	}
	return result, nil
}

func failure(id imageID, err error) imageFailure {
	switch {
	case id == imageID{}:
		return imageFailure{id, "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"}
	case errors.Is(err, errDigest):
		return imageFailure{id, "ImageTagDoesNotMatchDigest", "Requested image tag does not match the digest"}
	default:
		return imageFailure{id, "ImageNotFound", "Requested image not found"}
	}
}

func (s ecrService) manifest(image registry.Image, tag string) imageJSON {
	return imageJSON{
		RegistryID:             s.registry.Account(),
		RepositoryName:         image.Repository,
		ImageID:                imageID{image.Digest, tag},
		ImageManifest:          string(image.Manifest),
		ImageManifestMediaType: image.MediaType,
	}
}

type putImageInput struct {
	RegistryID             string `json:"registryId"`
	RepositoryName         string `json:"repositoryName"`
	ImageManifest          string `json:"imageManifest"`
	ImageManifestMediaType string `json:"imageManifestMediaType"`
	ImageTag               string `json:"imageTag"`
	ImageDigest            string `json:"imageDigest"`
}

// putImage stores a manifest under a tag. It moves a tag without uploading layers.
func (s ecrService) putImage(in putImageInput) (any, error) {
	if s.foreign(in.RegistryID) {
		return nil, s.noRepository(in.RepositoryName, in.RegistryID)
	}
	sum := sha256.Sum256([]byte(in.ImageManifest))
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if in.ImageDigest != "" && in.ImageDigest != digest {
		return nil, badRequest("ImageDigestDoesNotMatchException", "The digest of the image manifest is '%s', not '%s'", digest, in.ImageDigest)
	}
	image, err := s.registry.PutManifest(in.RepositoryName, in.ImageTag, in.ImageManifestMediaType, []byte(in.ImageManifest))
	if err != nil {
		return nil, s.worded(err, in.RepositoryName, imageID{digest, in.ImageTag})
	}
	return map[string]imageJSON{"image": s.manifest(image, in.ImageTag)}, nil
}
