package registry

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

// user is the name that goes with every token.
const user = "AWS"

// tokens are the login tokens issued so far. Ended ones are kept: ECR tells an
// expired token from one it never saw.
type tokens struct {
	life time.Duration

	mu      sync.Mutex
	expires map[string]time.Time
}

func (t *tokens) issue() (string, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	token, expires := rand.Text(), time.Now().Add(t.life)
	t.expires[token] = expires
	return token, expires
}

func (t *tokens) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for token := range t.expires {
		t.expires[token] = now
	}
}

// refuse returns the status and error with which ECR refuses a request's
// credentials, or zero when they are good.
func (t *tokens) refuse(request *http.Request) (status int, fault fault) {
	name, token, given := request.BasicAuth()
	if !given {
		return http.StatusUnauthorized, errNoCredentials
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	expires, issued := t.expires[token]
	switch {
	case name != user || !issued:
		return http.StatusUnauthorized, errNoCredentials
	case !time.Now().Before(expires):
		return http.StatusForbidden, errExpired
	default:
		return 0, fault
	}
}
