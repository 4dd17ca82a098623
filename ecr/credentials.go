package ecr

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// Credentials are a login for the registry. Printing, logging or marshalling them never shows the password.
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"-"`
	// Expires is the time from which the registry refuses them with a 403.
	Expires time.Time `json:"expires"`
	// Endpoint is the registry's URL.
	Endpoint string `json:"endpoint"`
}

// String describes the login without its password.
func (c Credentials) String() string {
	return fmt.Sprintf("%s at %s until %s (password hidden)", c.Username, c.Endpoint, c.Expires.Format(time.RFC3339))
}

// GoString returns the same as String, because %#v would otherwise print the fields.
func (c Credentials) GoString() string { return c.String() }

// Format writes String for every verb.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// LogValue returns the same as String.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// margin is the time before their expiry at which credentials are renewed, so that a pull that begins with them does
// not outlive them.
const margin = 15 * time.Minute

// tokens caches one login for all callers. The holder of turn may use the other fields. It is a channel and not a mutex,
// so that a waiting caller's context still applies.
type tokens struct {
	turn chan struct{}

	held  Credentials
	renew time.Time
}

// store caches c until shortly before it expires. Expires comes from the registry and has no monotonic part, so that the
// wall clock applies: a monotonic clock stops while a laptop sleeps.
func (t *tokens) store(c Credentials) {
	t.held, t.renew = c, c.Expires.Add(-min(margin, time.Until(c.Expires)/4))
}

// Login returns the user and the password of [Repository.Credentials].
func (r *Repository) Login(ctx context.Context) (user, password string, err error) {
	credentials, err := r.Credentials(ctx)
	return credentials.Username, credentials.Password, err
}

// Credentials returns a login for the registry. It returns the cached one until shortly before that expires (ECR's last
// 12 h), and fetches a new one after that.
func (r *Repository) Credentials(ctx context.Context) (Credentials, error) {
	select {
	case r.tokens.turn <- struct{}{}:
		defer func() { <-r.tokens.turn }()
	case <-ctx.Done():
		return Credentials{}, fmt.Errorf("log in to the registry of %s: %w", *r.name(), ctx.Err())
	}
	if time.Now().Before(r.tokens.renew) {
		return r.tokens.held, nil
	}
	c, err := r.login(ctx)
	if err != nil {
		return Credentials{}, fmt.Errorf("log in to the registry of %s in %s: %w", *r.name(), r.region, err)
	}
	r.tokens.store(c)
	return c, nil
}

// login fetches new credentials.
func (r *Repository) login(ctx context.Context) (Credentials, error) {
	out, err := r.api.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return Credentials{}, r.explain(err)
	}
	if len(out.AuthorizationData) == 0 {
		return Credentials{}, errIncomplete
	}
	data := out.AuthorizationData[0]
	// The decoding error is not returned, because it could quote the token.
	decoded, err := base64.StdEncoding.DecodeString(aws.ToString(data.AuthorizationToken))
	username, password, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok || username == "" || password == "" {
		return Credentials{}, fmt.Errorf("%w: the authorization token is not user:password", errIncomplete)
	}
	return Credentials{
		Username: username,
		Password: password,
		Expires:  aws.ToTime(data.ExpiresAt),
		Endpoint: aws.ToString(data.ProxyEndpoint),
	}, nil
}
