package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Shared is what the connections to a fleet have in common: the connection to the jump hosts, of which there is one, and
// the limits of connections and of logins under way. The zero value is ready to use. There is nothing to close: the
// connection to the jump hosts ends with the last one that goes through it.
type Shared struct {
	dialing singleflight.Group

	mu        sync.Mutex
	last      *Client // the last jump host; nil if there was none
	users     int     // of the jump hosts, with those who wait for them
	beginning int     // logins through a jump host or a ProxyCommand that are under way
	taken     int     // places of connections
	open      []*Client
}

const (
	// maxBeginning limits the logins that are under way, because a server refuses some beyond MaxStartups, which is ten
	// by default. A ProxyCommand may be a login at a jump host too.
	maxBeginning = 8
	// lookAgain is how often a place is looked for while there is none.
	lookAgain = 50 * time.Millisecond
)

// enter counts a user of the jump hosts, until leave is called.
func (s *Shared) enter() (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.users--; s.users == 0 && s.last != nil {
			_ = s.last.Close()
			s.last = nil
		}
	})
}

// jump returns the connection to the last jump host. If there is none, dial makes it, once for all who wait for it. The
// caller is a user already.
func (s *Shared) jump(ctx context.Context, dial func(context.Context) (*Client, error)) (*Client, error) {
	for {
		s.mu.Lock()
		last := s.last
		s.mu.Unlock()
		if last != nil && last.life.Err() == nil {
			return last, nil
		}
		// The first caller's end must not be everybody's.
		result := s.dialing.DoChan("", func() (any, error) {
			client, err := dial(context.WithoutCancel(ctx))
			if err == nil {
				s.keep(client)
			}
			return nil, err
		})
		select {
		case r := <-result:
			if r.Err != nil {
				return nil, r.Err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// keep keeps a connection to the jump hosts, unless all who waited for it have left.
func (s *Shared) keep(client *Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		_ = client.Close()
		return
	}
	s.last = client
}

// begin waits until another login may be under way.
func (s *Shared) begin(ctx context.Context) (end func(), err error) {
	err = s.await(ctx, func() bool {
		if s.beginning == maxBeginning {
			return false
		}
		s.beginning++
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("wait for other logins: %w", err)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.beginning--
	}, nil
}

// errRetired is the end of a connection that nobody used.
var errRetired = errors.New("closed, because nobody used it and another connection was needed")

// takePlace waits until another connection may be open. If there are as many as there may be, it closes one that nobody
// uses, and which nobody has used for the longest time. The caller calls free when its connection has ended.
func (s *Shared) takePlace(ctx context.Context, limit int) (free func(), err error) {
	err = s.await(ctx, func() bool {
		if s.taken >= limit {
			s.retireOne()
			return false
		}
		s.taken++
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("all %d connections that may be open at once are in use (MaxConnections): %w", limit, err)
	}
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken--
	}), nil
}

// occupy adds a connection to those that may be closed while nobody uses them. Its end frees its place.
func (s *Shared) occupy(client *Client, free func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, client)
	client.whenClosed(free)
}

// retireOne closes the connection that was not used for the longest time, if there is one that nobody uses.
func (s *Shared) retireOne() {
	s.open = slices.DeleteFunc(s.open, func(c *Client) bool { return c.life.Err() != nil })
	slices.SortFunc(s.open, func(a, b *Client) int { return cmp.Compare(a.uses.ended.Load(), b.uses.ended.Load()) })
	for _, c := range s.open {
		if c.uses.retire() {
			go c.end(errRetired)
			return
		}
	}
}

// await calls try until it returns true. try is called under the lock.
func (s *Shared) await(ctx context.Context, try func() bool) error {
	for {
		s.mu.Lock()
		done := try()
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}
