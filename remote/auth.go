package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// login holds the keys to log in with. The agent's connection stays open until the server has authenticated them.
type login struct {
	signers []ssh.Signer
	note    string // what a refused login may be due to; may be empty
	agent   io.Closer
}

// newLogin reads the key file, if one is given.
func newLogin(c Config) (*login, error) {
	if c.KeyFile == "" && c.AgentSocket == "" {
		return nil, fmt.Errorf("%w: %w: set KeyFile, or start an agent (SSH_AUTH_SOCK)", ErrConfig, ErrNoKey)
	}
	if c.KeyFile == "" {
		return &login{}, nil
	}
	signer, err := loadKey(c.KeyFile, c.Passphrase)
	if err != nil {
		return nil, err
	}
	signers, note := certified(c.KeyFile, signer, time.Now())
	return &login{signers: signers, note: note}, nil
}

// withAgent returns the login with the agent's keys too, if an agent is used. The connection's deadline is the
// context's, so that a stuck agent cannot hold up the login.
func (l *login) withAgent(ctx context.Context, socket string) (*login, error) {
	if socket == "" {
		return l, nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("dial agent %s: %w: %w: start one, or give a key file", socket, ErrAgent, err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	signers, err := agent.NewClient(conn).Signers()
	if err == nil && len(signers) == 0 && len(l.signers) == 0 {
		err = errors.New("it holds no key: ssh-add one, or give a key file")
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("ask agent %s for keys: %w: %w", socket, ErrAgent, err)
	}
	return &login{slices.Concat(l.signers, signers), l.note, conn}, nil
}

// methods returns the login in the form that the ssh package needs.
func (l *login) methods() []ssh.AuthMethod {
	return []ssh.AuthMethod{ssh.PublicKeys(l.signers...)}
}

// refusal returns the error of a server that let nobody in. A server that is offered too many keys ends the connection, so
// that nothing is known of the keys after that.
func (l *login) refusal(user string, err error) error {
	switch {
	case strings.Contains(err.Error(), "Too many authentication failures"):
		return fmt.Errorf("%w for user %s: the server ended the connection after some of the %d keys that were offered (MaxAuthTries): name the right one, which is then offered first: KeyFile, or -sshKey", ErrAuth, user, len(l.signers))
	case l.note != "":
		return fmt.Errorf("%w for user %s: %w: offered %s: %s", ErrAuth, user, err, l, l.note)
	}
	return fmt.Errorf("%w for user %s: %w: offered %s: check User, KeyFile and the instance's authorized_keys", ErrAuth, user, err, l)
}

// String lists the fingerprints of the keys that were offered.
func (l *login) String() string {
	var prints []string
	for _, s := range l.signers {
		prints = append(prints, described(s.PublicKey()))
	}
	return strings.Join(prints, ", ")
}

// Close closes the connection to the agent.
func (l *login) Close() error {
	if l.agent == nil {
		return nil
	}
	return l.agent.Close()
}
