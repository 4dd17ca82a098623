package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// files is the SFTP session, opened when it is first needed and again when it
// has died.
type files struct {
	life       context.Context
	connection *ssh.Client
	// slot holds the session, nil where there is none. Whoever took it out puts
	// it back: a lock that can be waited for with a context.
	slot chan *session
	// users is how many use it now; where nobody did for a while, idle drops it.
	users atomic.Int64
	idle  *time.Timer
}

// idleSession is how long a session stays open for nobody's use: it has a third of
// a connection's goroutines, and the next one is opened in three round trips.
const idleSession = 5 * time.Second

// session is one SFTP session; dead is closed when it has ended or was given up.
type session struct {
	*sftp.Client
	dead chan struct{}
	once sync.Once
}

func newFiles(life context.Context, connection *ssh.Client) *files {
	f := &files{life: life, connection: connection, slot: make(chan *session, 1)}
	f.slot <- nil
	f.idle = time.AfterFunc(idleSession, f.rest)
	return f
}

func (f *files) leave() {
	if f.users.Add(-1) == 0 {
		f.idle.Reset(idleSession)
	}
}

// rest drops the session that nobody uses. Who comes meanwhile is counted before
// it asks for the session, and opens another.
func (f *files) rest() {
	select {
	case s := <-f.slot:
		if s != nil && f.users.Load() == 0 {
			s.drop()
			s = nil
		}
		f.slot <- s
	default: // somebody is opening one
	}
}

// do runs work on a live session. A session that turns out dead is replaced
// once: what is done here may all be done twice. When ctx ends first the
// session is dropped, because a server that answers one request at a time may
// be stuck in this one.
func (f *files) do(ctx context.Context, work func(*sftp.Client) error) error {
	f.users.Add(1)
	defer f.leave()
	ctx, cancel := within(ctx, f.life)
	defer cancel()
	for attempt := 0; ; attempt++ {
		s, err := f.open(ctx)
		if err != nil {
			return err
		}
		err = await(ctx, func() error { return work(s.Client) })
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			s.drop()
			return err
		}
		if attempt > 0 || !s.died(err) {
			return err
		}
	}
}

func (f *files) open(ctx context.Context) (*session, error) {
	var s *session
	select {
	case s = <-f.slot:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { f.slot <- s }()
	if s != nil && !s.ended() {
		return s, nil
	}
	var err error
	s, err = newSession(ctx, f.connection)
	return s, err
}

func newSession(ctx context.Context, connection *ssh.Client) (*session, error) {
	opened := make(chan *sftp.Client, 1)
	err := await(ctx, func() error {
		// One request at a time: files under /proc want to be read in order.
		client, err := sftp.NewClient(connection, sftp.UseConcurrentReads(false))
		opened <- client
		return err
	})
	if err != nil {
		go func() {
			if client := <-opened; client != nil {
				_ = client.Close()
			}
		}()
		return nil, fmt.Errorf("open SFTP session: %w", err)
	}
	s := &session{Client: <-opened, dead: make(chan struct{})}
	go func() {
		_ = s.Wait()
		s.drop()
	}()
	return s, nil
}

// drop gives the session up. Saying goodbye may take as long as the connection
// lives.
func (s *session) drop() {
	s.once.Do(func() {
		close(s.dead)
		go s.Close()
	})
}

func (s *session) ended() bool {
	select {
	case <-s.dead:
		return true
	default:
		return false
	}
}

// died tells whether an error means the session, not the file. The session's
// end may be seen by its user before its own goroutine sees it.
func (s *session) died(err error) bool {
	if err == nil || !(errors.Is(err, sftp.ErrSSHFxConnectionLost) || errors.Is(err, io.EOF) || s.ended()) {
		return false
	}
	s.drop()
	return true
}

// await runs work and returns when it is done or ctx has ended, whichever is
// first. Work that cannot be interrupted goes on until its connection ends.
func await(ctx context.Context, work func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
