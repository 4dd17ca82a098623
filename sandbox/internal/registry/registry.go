// Package registry is an image registry like ECR's. It serves the OCI protocol by go-containerregistry's registry in
// memory, and adds ECR's login, repositories that must exist, tags that can be immutable, and the records that the ECR
// API returns.
package registry

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/growl-dev/deploy/internal/iam"
)

// Options configure a registry. The zero value has no repository.
type Options struct {
	// Repositories are all repositories, because a push does not create one.
	Repositories []Repository
	// Account is the registry ID. Empty means "000000000000".
	Account string
	// Region is the region in the ARNs that policies name. Empty means "us-west-1".
	Region string
}

// Repository describes a repository.
type Repository struct {
	// Name is the repository's name, such as orders-api.
	Name string
}

// Registry is an [http.Handler] for the root of a site, with its records. All methods may be called concurrently.
type Registry struct {
	account string
	region  string
	created time.Time
	inner   http.Handler
	blobs   *blobs
	tokens  *tokens

	mu           sync.Mutex
	repositories []*repository
}

// New returns an empty registry.
func New(o Options) (*Registry, error) {
	if o.Account == "" {
		o.Account = "000000000000"
	}
	if o.Region == "" {
		o.Region = "us-west-1"
	}
	stored := &blobs{stored: map[string][]byte{}}
	r := &Registry{
		account: o.Account,
		region:  o.Region,
		created: time.Now(),
		blobs:   stored,
		tokens:  &tokens{owners: map[string]*iam.Role{}},
		inner:   registry.New(registry.WithBlobHandler(stored), registry.Logger(log.New(io.Discard, "", 0))),
	}
	for _, repo := range o.Repositories {
		if err := r.addRepository(repo); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Registry) addRepository(o Repository) error {
	if o.Name == "" {
		return fmt.Errorf("add repository: it has no name")
	}
	if r.find(o.Name) != nil {
		return fmt.Errorf("add repository %s: it exists", o.Name)
	}
	r.repositories = append(r.repositories, &repository{Repository: o, tags: map[string]string{}})
	return nil
}

// Account returns the registry ID.
func (r *Registry) Account() string { return r.account }

// Created returns the time at which the registry and its repositories were made.
func (r *Registry) Created() time.Time { return r.created }

// Issue returns a new login token, which is the password of the user AWS, and the time at which it expires. The owner's
// policies decide the requests with it. Without an owner, all are allowed.
func (r *Registry) Issue(owner *iam.Role) (token string, expires time.Time) {
	return r.tokens.issue(owner)
}

// CutDownloads sets whether every blob download breaks off halfway, which the fault pull-fails does.
func (r *Registry) CutDownloads(cut bool) { r.blobs.cut.Store(cut) }
