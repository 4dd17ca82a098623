package ecr

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// Credentials log in to the registry. Printing, logging or marshalling them
// never shows the password.
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"-"`
	// Expires is when the registry begins to refuse them, with a 403.
	Expires time.Time `json:"expires"`
	// Endpoint is the registry's URL.
	Endpoint string `json:"endpoint"`
}

// String names the login without its password.
func (c Credentials) String() string {
	return fmt.Sprintf("%s at %s until %s (password hidden)", c.Username, c.Endpoint, c.Expires.Format(time.RFC3339))
}

// GoString is String: %#v would show the fields.
func (c Credentials) GoString() string { return c.String() }

// Format writes String for every verb.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// LogValue is String.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// margin is how long before their end credentials are renewed: no pull that
// begins with them is still asking for layers then.
const margin = 15 * time.Minute

// tokens keeps one login for all who ask. Whoever holds turn may fetch; it is a
// channel and not a mutex, so that a waiter's context still bounds it.
type tokens struct {
	turn chan struct{}

	mu    sync.Mutex
	held  Credentials
	renew time.Time
}

// fresh returns what is held unless it is to be renewed.
func (t *tokens) fresh() (Credentials, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held, time.Now().Before(t.renew)
}

// keep holds c until shortly before it expires. Expires comes off the wire, so
// the wall clock decides: a monotonic one stops while a laptop sleeps.
func (t *tokens) keep(c Credentials) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held, t.renew = c, c.Expires.Add(-min(margin, time.Until(c.Expires)/4))
}

// drop forgets what is held if it is c.
func (t *tokens) drop(c Credentials) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held.Password == c.Password {
		t.held, t.renew = Credentials{}, time.Time{}
	}
}

// Credentials returns a login for the registry: the last one until shortly
// before it expires (ECR's live 12 h), else a new one.
func (r *Repository) Credentials(ctx context.Context) (Credentials, error) {
	select {
	case r.tokens.turn <- struct{}{}:
		defer func() { <-r.tokens.turn }()
	case <-ctx.Done():
		return Credentials{}, fmt.Errorf("log in to the registry of %s: %w", *r.name(), ctx.Err())
	}
	if held, ok := r.tokens.fresh(); ok {
		return held, nil
	}
	c, err := r.login(ctx)
	if err != nil {
		return Credentials{}, fmt.Errorf("log in to the registry of %s in %s: %w", *r.name(), r.region, err)
	}
	r.tokens.keep(c)
	return c, nil
}

// Forget drops c, which the registry refused with a 403, so that the next
// [Repository.Credentials] are new ones. Newer ones that another caller has
// fetched meanwhile are kept.
func (r *Repository) Forget(c Credentials) { r.tokens.drop(c) }

// login fetches new credentials.
func (r *Repository) login(ctx context.Context) (Credentials, error) {
	out, err := r.api.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return Credentials{}, r.explain(err)
	}
	if len(out.AuthorizationData) == 0 {
		return Credentials{}, errNoAnswer
	}
	data := out.AuthorizationData[0]
	// A decoding error is not passed on: it could quote the token.
	decoded, err := base64.StdEncoding.DecodeString(aws.ToString(data.AuthorizationToken))
	username, password, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok || username == "" || password == "" {
		return Credentials{}, fmt.Errorf("%w: the authorization token is not user:password", errNoAnswer)
	}
	return Credentials{
		Username: username,
		Password: password,
		Expires:  aws.ToTime(data.ExpiresAt),
		Endpoint: aws.ToString(data.ProxyEndpoint),
	}, nil
}
