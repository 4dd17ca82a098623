package registry

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/growl-dev/deploy/internal/iam"
)

// user is the user name of every token.
const user = "AWS"

// tokens holds all issued login tokens, also the expired ones, because ECR returns another error for an expired token
// than for an unknown one.
type tokens struct {
	life time.Duration

	mu     sync.Mutex
	issued map[string]login
}

// login is the record of a token.
type login struct {
	expires time.Time
	owner   *iam.Role // nil: may do everything
}

func (t *tokens) issue(owner *iam.Role) (string, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	token, expires := rand.Text(), time.Now().Add(t.life)
	t.issued[token] = login{expires, owner}
	return token, expires
}

func (t *tokens) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for token, l := range t.issued {
		t.issued[token] = login{now, l.owner}
	}
}

// check returns the owner of the request's token, or the status and error with which ECR refuses it. The status is zero
// if the token is valid.
func (t *tokens) check(request *http.Request) (owner *iam.Role, status int, fault fault) {
	name, token, given := request.BasicAuth()
	if !given {
		return nil, http.StatusUnauthorized, errNoCredentials
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l, issued := t.issued[token]
	switch {
	case name != user || !issued:
		return nil, http.StatusUnauthorized, errNoCredentials
	case !time.Now().Before(l.expires):
		return nil, http.StatusForbidden, errExpired
	default:
		return l.owner, 0, fault
	}
}
