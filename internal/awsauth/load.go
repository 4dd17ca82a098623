package awsauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go/logging"
)

// Load loads the AWS configuration. An error of it, or of its credentials later, is one line with the remedy for its
// cause, and nothing is printed: the SDK would write warnings to standard error.
func Load(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	quiet := config.WithLogger(logging.Nop{})
	cfg, err := config.LoadDefaultConfig(ctx, append([]func(*config.LoadOptions) error{quiet}, options...)...)
	if unknown, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return cfg, &credentialsError{NoProfile(unknown.Profile), err}
	}
	if err != nil {
		return cfg, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if cfg.Credentials != nil {
		cfg.Credentials = explained{cfg.Credentials, profile(options)}
	}
	return cfg, nil
}

// profile returns the name of the profile that is used.
func profile(options []func(*config.LoadOptions) error) string {
	var o config.LoadOptions
	for _, apply := range options {
		_ = apply(&o) // LoadDefaultConfig returned no error of it
	}
	return cmp.Or(o.SharedConfigProfile, Profile())
}

// Profile returns the name of the profile that the environment variables choose.
func Profile() string {
	return cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), "default")
}

// NoProfile returns the message about a profile that does not exist.
func NoProfile(profile string) string {
	return fmt.Sprintf("there is no AWS profile %s: set AWS_PROFILE to one that `aws configure list-profiles` prints, or make it: aws configure sso --profile %s", profile, profile)
}

// NotLoggedIn returns the message about a profile whose login is missing or has expired.
func NotLoggedIn(profile string) string {
	return fmt.Sprintf("nobody is logged in with the AWS profile %s, or the login has expired: aws sso login --profile %s", profile, profile)
}

// None returns the message about a profile that names no source of credentials.
func None(profile string) string {
	return fmt.Sprintf("there are no AWS credentials (profile %s): log in (aws sso login --profile NAME) and set AWS_PROFILE=NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", profile)
}

// explained are credentials whose errors name the remedy.
type explained struct {
	aws.CredentialsProvider
	profile string
}

// Retrieve returns the credentials, or a *credentialsError.
func (e explained) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := e.CredentialsProvider.Retrieve(ctx)
	if err == nil || ctx.Err() != nil {
		return credentials, err
	}
	_, session := errors.AsType[*ssocreds.InvalidTokenError](err)
	switch {
	case session, strings.Contains(err.Error(), "cached SSO token"):
		err = &credentialsError{NotLoggedIn(e.profile), err}
	case metadata(err):
		err = &credentialsError{None(e.profile), err}
	}
	return credentials, err
}

// credentialsError is an error of credentials with its remedy. It wraps the SDK's, whose text adds nothing.
type credentialsError struct {
	text string
	err  error
}

func (e *credentialsError) Error() string { return e.text }
func (e *credentialsError) Unwrap() error { return e.err }
