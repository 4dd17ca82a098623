package iam

import "sync"

// Keys are the access keys of callers whose requests policies decide. The zero value and nil have none. Its methods may
// be called concurrently.
type Keys struct {
	mu    sync.Mutex
	roles map[string]*Role
}

// Add makes an access key act as a role.
func (k *Keys) Add(accessKeyID string, role *Role) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.roles == nil {
		k.roles = map[string]*Role{}
	}
	k.roles[accessKeyID] = role
}

// Find returns the role of an access key, or nil for a key that has none.
func (k *Keys) Find(accessKeyID string) *Role {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.roles[accessKeyID]
}
