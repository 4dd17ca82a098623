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

// tokenLife is the time for which ECR's tokens are valid. The registry's stay valid after it.
const tokenLife = 12 * time.Hour

// tokens holds the issued login tokens.
type tokens struct {
	mu     sync.Mutex
	owners map[string]*iam.Role // by token; nil: all requests are allowed
}

func (t *tokens) issue(owner *iam.Role) (string, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	token := rand.Text()
	t.owners[token] = owner
	return token, time.Now().Add(tokenLife)
}

// check returns the owner of the request's token, and false if the request has no known token.
func (t *tokens) check(request *http.Request) (owner *iam.Role, known bool) {
	name, token, _ := request.BasicAuth()
	t.mu.Lock()
	defer t.mu.Unlock()
	owner, known = t.owners[token]
	return owner, known && name == user
}
