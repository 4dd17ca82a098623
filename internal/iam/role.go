package iam

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Request is one action on one resource, which policies allow or deny.
type Request struct {
	// Action is SERVICE:NAME.
	Action string
	// Resource is an ARN, or "*" for an action without a resource.
	Resource string
	// Context has the condition keys of the request, in lower case.
	Context map[string]string
}

// String names the request and its context in one line.
func (r Request) String() string {
	text := r.Action + " on " + r.Resource
	for _, key := range slices.Sorted(maps.Keys(r.Context)) {
		text += " " + key + "=" + r.Context[key]
	}
	return text
}

// Allows reports whether policies together allow a request: one of them does, and none denies it.
func Allows(policies []Policy, r Request) bool {
	allowed, denied := decide(policies, r)
	return allowed && !denied
}

// decide reports whether a statement allows the request and whether one denies it.
func decide(policies []Policy, r Request) (allowed, denied bool) {
	for _, p := range policies {
		for _, s := range p.statements {
			if s.matches(r) {
				allowed, denied = allowed || !s.deny, denied || s.deny
			}
		}
	}
	return allowed, denied
}

// Role is a caller whose requests are decided by policies, and recorded. Its methods may be called concurrently.
type Role struct {
	arn      string
	policies []Policy

	mu      sync.Mutex
	allowed map[string]Request
	denied  map[string]Request
}

// NewRole returns a role that has these policies. Messages and GetCallerIdentity show the ARN.
func NewRole(arn string, policies ...Policy) *Role {
	return &Role{arn: arn, policies: policies, allowed: map[string]Request{}, denied: map[string]Request{}}
}

// ARN returns the role's ARN.
func (r *Role) ARN() string { return r.arn }

// Policies returns the role's policies.
func (r *Role) Policies() []Policy { return slices.Clone(r.policies) }

// Authorize returns nil for a request that the policies allow and a *DeniedError for any other, and records both.
func (r *Role) Authorize(request Request) error {
	allowed, denied := decide(r.policies, request)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !allowed || denied {
		r.denied[request.String()] = request
		return &DeniedError{Role: r.arn, Request: request, Explicit: denied}
	}
	r.allowed[request.String()] = request
	return nil
}

// Allows decides a request without recording it.
func (r *Role) Allows(request Request) bool { return Allows(r.policies, request) }

// Allowed returns the distinct requests that were allowed so far, in order.
func (r *Role) Allowed() []Request { return r.recorded(r.allowed) }

// Denied returns the distinct requests that were denied so far, in order.
func (r *Role) Denied() []Request { return r.recorded(r.denied) }

func (r *Role) recorded(requests map[string]Request) []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(requests), func(a, b Request) int { return strings.Compare(a.String(), b.String()) })
}

// DeniedError is the error of a request that no policy of the role allows, or that one of them denies.
type DeniedError struct {
	Role    string
	Request Request
	// Explicit is set if a statement denies the request.
	Explicit bool
}

// Error returns the text that AWS returns for it.
func (d *DeniedError) Error() string {
	text := fmt.Sprintf("User: %s is not authorized to perform: %s", d.Role, d.Request.Action)
	if d.Request.Resource != "*" {
		text += " on resource: " + d.Request.Resource
	}
	if d.Explicit {
		return text + " with an explicit deny in an identity-based policy"
	}
	return text + " because no identity-based policy allows the " + d.Request.Action + " action"
}
