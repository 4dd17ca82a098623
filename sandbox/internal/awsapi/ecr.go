package awsapi

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"

	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

// ecrService serves ECR's calls. Those about images are in ecr_images.go.
type ecrService struct {
	registry    Registry
	url, region string
}

func (s ecrService) calls() map[string]call {
	return map[string]call{
		"GetAuthorizationToken": s.authorizationToken,
		"DescribeRepositories":  decoded(s.describeRepositories),
		"ListTagsForResource":   decoded(s.listTags),
		"DescribeImages":        decoded(s.describeImages),
		"ListImages":            decoded(s.listImages),
		"BatchGetImage":         decoded(s.batchGetImage),
		"PutImage":              decoded(s.putImage),
	}
}

type authorizationData struct {
	AuthorizationToken string `json:"authorizationToken"`
	ExpiresAt          epoch  `json:"expiresAt"`
	ProxyEndpoint      string `json:"proxyEndpoint"`
}

func (s ecrService) authorizationToken(r request) (any, error) {
	token, expires := s.registry.Issue(r.caller)
	login := base64.StdEncoding.EncodeToString([]byte("AWS:" + token))
	return map[string][]authorizationData{
		"authorizationData": {{login, epoch(expires), s.url}},
	}, nil
}

type repositoryJSON struct {
	RepositoryArn      string `json:"repositoryArn"`
	RegistryID         string `json:"registryId"`
	RepositoryName     string `json:"repositoryName"`
	RepositoryURI      string `json:"repositoryUri"`
	CreatedAt          epoch  `json:"createdAt"`
	ImageTagMutability string `json:"imageTagMutability"`
}

type describeRepositoriesInput struct {
	RegistryID      string   `json:"registryId"`
	RepositoryNames []string `json:"repositoryNames"`
	page
}

func (s ecrService) describeRepositories(in describeRepositoriesInput) (any, error) {
	existing := s.registry.Repositories()
	for _, name := range in.RepositoryNames {
		exists := func(r registry.Repository) bool { return r.Name == name }
		if !slices.ContainsFunc(existing, exists) || s.foreign(in.RegistryID) {
			return nil, s.noRepository(name, in.RegistryID)
		}
	}
	described := []repositoryJSON{}
	for _, r := range existing {
		if selects(r.Name, in.RepositoryNames) {
			described = append(described, s.describeRepository(r))
		}
	}
	part, next, err := paged(described, in.page)
	if err != nil {
		return nil, err
	}
	return struct {
		Repositories []repositoryJSON `json:"repositories"`
		NextToken    string           `json:"nextToken,omitempty"`
	}{part, next}, nil
}

// listTags returns no tags, because repositories of the sandbox have none.
func (s ecrService) listTags(in struct {
	ResourceArn string `json:"resourceArn"`
}) (any, error) {
	for _, r := range s.registry.Repositories() {
		if s.describeRepository(r).RepositoryArn == in.ResourceArn {
			return map[string][]struct{}{"tags": {}}, nil
		}
	}
	return nil, badRequest("RepositoryNotFoundException", "The repository with ARN '%s' does not exist", in.ResourceArn)
}

func (s ecrService) describeRepository(r registry.Repository) repositoryJSON {
	account := s.registry.Account()
	return repositoryJSON{
		RepositoryArn:      "arn:aws:ecr:" + s.region + ":" + account + ":repository/" + r.Name,
		RegistryID:         account,
		RepositoryName:     r.Name,
		RepositoryURI:      s.host() + "/" + r.Name,
		CreatedAt:          epoch(s.registry.Created()),
		ImageTagMutability: "MUTABLE",
	}
}

func (s ecrService) host() string {
	u, err := url.Parse(s.url)
	if err != nil {
		return s.url
	}
	return u.Host
}

// foreign reports whether the registry is another account's.
func (s ecrService) foreign(registryID string) bool {
	return registryID != "" && registryID != s.registry.Account()
}

func (s ecrService) noRepository(name, registryID string) *apiError {
	if registryID == "" {
		registryID = s.registry.Account()
	}
	return badRequest("RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry with id '%s'", name, registryID)
}

// worded returns an error of the registry in ECR's own words.
func (s ecrService) worded(err error, repository string, id imageID) error {
	account := s.registry.Account()
	switch {
	case errors.Is(err, registry.ErrRepositoryNotFound):
		return s.noRepository(repository, "")
	case errors.Is(err, registry.ErrImageNotFound):
		return badRequest("ImageNotFoundException", "The image with imageId %s does not exist within the repository with name '%s' in the registry with id '%s'", id, repository, account)
	case errors.Is(err, registry.ErrImageExists):
		return badRequest("ImageAlreadyExistsException", "Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'", id.ImageDigest, id.ImageTag, repository, account)
	default:
		return err
	}
}
