package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// login holds the keys to log in with. The agent's connection stays open until the server has authenticated them.
type login struct {
	signers []ssh.Signer
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
	return &login{signers: []ssh.Signer{signer}}, nil
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
	return &login{slices.Concat(l.signers, signers), conn}, nil
}

// methods returns the login in the form that the ssh package needs.
func (l *login) methods() []ssh.AuthMethod {
	return []ssh.AuthMethod{ssh.PublicKeys(l.signers...)}
}

// String lists the fingerprints of the keys that were offered.
func (l *login) String() string {
	var prints []string
	for _, s := range l.signers {
		prints = append(prints, ssh.FingerprintSHA256(s.PublicKey()))
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
