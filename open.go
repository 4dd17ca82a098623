package deploy

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/internal/awsauth"
	"github.com/growl-dev/deploy/internal/hosts"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/nlb"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Operator deploys to one environment of a service. It keeps nothing open. Its methods may not be called concurrently.
type Operator struct {
	service     Service
	name        string
	environment Environment
	options     Options
	policy      rollout.Policy

	source fleet.Source
	fleet  fleet.Fleet
	aws    aws.Config
	// lifetime returns how long the credentials are valid; zero: for ever, or it is not known.
	lifetime func() time.Duration
	images   *ecr.Repository
	groups   *nlb.Groups
}

// Run opens the environment and deploys the image that a tag names.
func Run(ctx context.Context, service Service, environment, tag string, options Options) (report.Document, error) {
	if err := service.CheckTag(environment, tag); err != nil {
		return report.Document{}, err
	}
	operator, err := Open(ctx, service, environment, options)
	if err != nil {
		return report.Document{}, err
	}
	return operator.Deploy(ctx, tag)
}

// Open checks the declaration and the options, and reads the environment's fleet. It connects to no instance, and makes
// only those calls to AWS that the fleet's source needs.
func Open(ctx context.Context, service Service, environment string, options Options) (*Operator, error) {
	service.Ledger = cmp.Or(options.Ledger, service.Ledger)
	if err := service.Validate(); err != nil {
		return nil, usage("%v", err)
	}
	declared, err := service.Environment(environment)
	if err != nil {
		return nil, err
	}
	policy, err := options.check(declared)
	if err != nil {
		return nil, err
	}
	o := &Operator{service: service.WithDefaults(), name: environment, environment: declared, options: options, policy: policy}
	if o.source = options.Fleet; o.source == nil {
		o.source = declared.Fleet
	}
	if o.fleet, err = o.source.Fleet(ctx, environment); err != nil {
		return nil, &fleetError{err}
	}
	return o, o.dialAWS(ctx)
}

// dialAWS makes the clients. They make no call yet.
func (o *Operator) dialAWS(ctx context.Context) (err error) {
	load := append([]func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(o.fleet.Region)}, o.options.AWS...)
	if o.aws, err = awsauth.Load(ctx, load...); err != nil {
		return err
	}
	o.lifetime = awsauth.Lifetime(ctx, o.aws.Credentials)
	o.images, err = ecr.NewFromConfig(o.aws, o.fleet.Repository, ecr.Options{Region: o.fleet.RegistryRegion, MaxBackoff: 5 * time.Second})
	if err != nil {
		return err
	}
	o.groups, err = nlb.NewFromConfig(o.aws, o.fleet.TargetGroups, nlb.Options{})
	return err
}

// openLedger returns the ledger of one of the service's environments.
func (o *Operator) openLedger(environment string) (*ledger.Ledger, error) {
	location, err := ledger.ParseLocation(o.service.Ledger)
	if err != nil {
		return nil, err
	}
	store, err := ledger.NewS3FromConfig(o.aws, location)
	if err != nil {
		return nil, err
	}
	return ledger.Open(store, o.service.key(environment), ledger.Options{Before: o.service.Environments[environment].OldLedgerKey})
}

// hosts returns the instances with the checked configuration of their connections. It connects to none of them.
func (o *Operator) hosts() (*hosts.Fleet, error) {
	ssh := o.options.SSH
	if ssh.Jump == "" && ssh.ProxyCommand == "" {
		ssh.Jump, ssh.ProxyCommand = o.environment.Jump, o.environment.ProxyCommand
	}
	jump, err := remote.ParseJump(ssh.Jump)
	if err != nil {
		return nil, usage("%v", err)
	}
	dial := remote.Config{
		User: o.fleet.User, KeyFile: ssh.KeyFile, Passphrase: ssh.Passphrase, KnownHosts: ssh.KnownHosts,
		Jump: jump, ProxyCommand: ssh.ProxyCommand, MaxConnections: ssh.MaxConnections,
	}
	if len(dial.KnownHosts) == 0 {
		dial.KnownHosts = remote.KnownHosts(o.service.KnownHosts...)
	}
	remarks, err := dial.Check()
	if err != nil {
		return nil, fmt.Errorf("prepare SSH: %w", err)
	}
	return &hosts.Fleet{Instances: o.fleet.Instances, Dial: dial, Spec: o.service.Container, Login: o.images.Login, Remarks: remarks}, nil
}
