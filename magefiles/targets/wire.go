package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"golang.org/x/term"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/nlb"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
)

// world is an environment with everything that reaches it.
type world struct {
	fleet  fleet.Fleet
	aws    aws.Config
	images *ecr.Repository
	groups *nlb.Groups
	dial   remote.Config
	spec   docker.Spec
	// seal is what the env file on every instance must be; empty: not compared.
	seal infra.Seal
	// gates are asked before a run touches anything; skipped says which were not.
	gates   []rollout.Gate
	skipped []string
	// refuseUnknown refuses a run if a target is registered that is not in the fleet.
	refuseUnknown bool
	// watches are asked while a batch bakes, and after it.
	watches []rollout.Gate
}

// wire makes clients for the fleet. It asks nobody anything yet.
func wire(ctx context.Context, fleet fleet.Fleet, s ssh) (*world, error) {
	cfg, err := awsConfig(ctx, fleet)
	if err != nil {
		return nil, err
	}
	images, err := ecr.NewFromConfig(cfg, fleet.Repository, ecr.Options{
		Region: cmp.Or(fleet.RegistryRegion, fleet.Region), MaxBackoff: 5 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	groups, err := nlb.NewFromConfig(cfg, fleet.TargetGroups, nlb.Options{})
	if err != nil {
		return nil, err
	}
	dial, err := s.config(fleet)
	if err != nil {
		return nil, err
	}
	return &world{fleet: fleet, aws: cfg, images: images, groups: groups, dial: dial, spec: service()}, nil
}

func awsConfig(ctx context.Context, fleet fleet.Fleet) (aws.Config, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(fleet.Region))
	if err != nil {
		return cfg, fmt.Errorf("load the AWS configuration: %w", err)
	}
	return cfg, nil
}

// config is what all instances' connections have in common.
func (s ssh) config(fleet fleet.Fleet) (remote.Config, error) {
	jump, err := remote.ParseJump(s.Jump)
	if err != nil {
		return remote.Config{}, usage("%v", err)
	}
	config := remote.Config{
		User: fleet.User, KeyFile: s.Key, Passphrase: sync.OnceValues(askPassphrase),
		KnownHosts: filepath.SplitList(s.KnownHosts), Jump: jump, ProxyCommand: s.ProxyCommand,
	}
	if err := config.Check(); err != nil {
		return remote.Config{}, fmt.Errorf("prepare SSH: %w", err)
	}
	return config, nil
}

func askPassphrase() ([]byte, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, errors.New("no terminal to ask for it: use an SSH agent")
	}
	warnf("Passphrase of the SSH key: ")
	defer warnf("\n")
	return term.ReadPassword(int(os.Stdin.Fd()))
}

// resolve pins the tag to a digest, once for the whole run.
func (w *world) resolve(ctx context.Context, tag string) (rollout.Release, error) {
	image, err := w.images.Resolve(ctx, tag)
	if err != nil {
		return rollout.Release{}, w.withRecent(ctx, err)
	}
	return rollout.Release{Image: w.images.URI() + "@" + image.Digest, Tag: tag, Commit: image.Commit}, nil
}

// withRecent adds to a missing tag which releases there are.
func (w *world) withRecent(ctx context.Context, err error) error {
	if !errors.Is(err, ecr.ErrNotFound) {
		return err
	}
	recent, listed := w.images.Recent(ctx, 5)
	if listed != nil || len(recent) == 0 {
		return err
	}
	text := ""
	for _, image := range recent {
		text += fmt.Sprintf("; %s pushed %s", image.Names(), image.PushedAt.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return fmt.Errorf("%w%s", err, text)
}

func (w *world) config(environment string, release rollout.Release, policy rollout.Policy) rollout.Config {
	return rollout.Config{
		ID: newRunID(), Environment: environment, Release: release, Policy: policy,
		Instances: w.fleet.Instances, Balancer: w.groups, Connect: w.connect,
		RefuseUnknown: w.refuseUnknown,
	}
}

// connect opens an instance for a run.
func (w *world) connect(ctx context.Context, i rollout.Instance) (rollout.Host, error) {
	host, err := w.host(ctx, i)
	if err != nil {
		return nil, err
	}
	return host, nil
}

// host opens an instance over a link that survives a lost connection.
func (w *world) host(ctx context.Context, i rollout.Instance) (*docker.Host, error) {
	config := w.dial
	config.Name, config.Address = i.ID, i.Address
	link, err := remote.NewLink(ctx, config, func(ctx context.Context, c *remote.Client) error {
		return docker.Identify(ctx, c, i.ID)
	})
	if err != nil {
		return nil, err
	}
	host, err := docker.Open(ctx, link, docker.Options{
		Spec: w.spec, InstanceID: i.ID, Auth: w.login, EnvSeal: string(w.seal),
	})
	if err != nil {
		return nil, errors.Join(err, link.Close())
	}
	return host, nil
}

// login is asked for by each pull: a token lives 12 h.
func (w *world) login(ctx context.Context) (user, password string, err error) {
	credentials, err := w.images.Credentials(ctx)
	return credentials.Username, credentials.Password, err
}
