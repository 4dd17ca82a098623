package remote

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"
)

// files lends out the one SFTP session of a connection. It is opened when it is
// first needed and again when it has died, and closed while nobody needs it.
type files struct {
	life       context.Context
	connection ssh.Conn
	// slot holds the session, nil where there is none. Who takes it out has it
	// alone: a lock that can be waited for with a context.
	slot chan *session
	idle *time.Timer
}

// idleSession is how long a session stays open for nobody's use: what it has open
// is open on the instance. To open one takes the instance's SSH server a process, and
// more than twenty looks at a file; who counts connections looks once a minute at
// least, by the default policy.
const idleSession = 90 * time.Second

func newFiles(life context.Context, connection ssh.Conn) *files {
	f := &files{life: life, connection: connection, slot: make(chan *session, 1)}
	f.slot <- nil
	f.idle = time.AfterFunc(idleSession, f.rest)
	context.AfterFunc(life, f.end)
	return f
}

// end ends what would outlive the connection, once nobody looks any more.
func (f *files) end() {
	f.idle.Stop()
	s := <-f.slot
	s.end()
	f.slot <- nil
}

// rest closes the session, unless somebody uses it.
func (f *files) rest() {
	select {
	case s := <-f.slot:
		s.end()
		f.slot <- nil
	default:
	}
}

// looking runs look on the session. A session that turns out dead is replaced
// once: a look changes nothing. When ctx ends first the session is given up,
// because its next answer would be to a question that nobody waits for.
func looking[T any](ctx context.Context, c *Client, look func(*session) (T, error)) (T, error) {
	defer c.uses.begin()()
	f := c.files
	for again := false; ; again = true {
		s, err := f.take(ctx)
		if err != nil {
			var none T
			return none, err
		}
		value, err := awaitOn(ctx, f.life, s.run, func() (T, error) { return look(s) }, nil)
		switch {
		case ctx.Err() != nil || f.life.Err() != nil:
			f.giveUp(s)
			return value, err
		case s.broken == nil:
			f.giveBack(s)
			return value, err
		}
		f.giveUp(s)
		if again {
			return value, err
		}
	}
}

func (f *files) take(ctx context.Context) (*session, error) {
	var s *session
	select {
	case s = <-f.slot:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.life.Done():
		return nil, f.life.Err()
	}
	if s != nil {
		return s, nil
	}
	ctx, cancel := within(ctx, f.life)
	defer cancel()
	s, err := await(ctx, func() (*session, error) { return startSession(f.connection) }, (*session).end)
	if err != nil {
		f.slot <- nil
		return nil, fmt.Errorf("open SFTP session: %w", err)
	}
	return s, nil
}

func (f *files) giveBack(s *session) {
	f.slot <- s
	f.idle.Reset(idleSession)
}

func (f *files) giveUp(s *session) {
	s.end()
	f.slot <- nil
}

// run has one look after the other done on a goroutine of the session's own: counting
// connections takes thousands across a large fleet, and a new one each time would have
// its stack grown each time. A look that was given up may hold it until the connection
// ends, and no other follows that.
func (s *session) run(look func()) {
	if s.looks == nil {
		s.looks = make(chan func(), 1)
		go func() {
			for look := range s.looks {
				look()
			}
		}()
	}
	s.looks <- look
}

// end closes the session, and with it all its files. Saying goodbye may take as
// long as the connection lives. It is called once.
func (s *session) end() {
	if s == nil {
		return
	}
	go s.channel.Close()
	if s.looks != nil {
		close(s.looks)
	}
}
