package instance

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/sshserver"
	"github.com/growl-dev/deploy/sandbox/internal/engine"
	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// Options describe an instance.
type Options struct {
	// ID is the instance ID, i-…. Required.
	ID string
	// Zone is the availability zone, which only cloud-init's files contain.
	Zone string
	// Root is the folder of the instance's files, made if it is not there.
	// Required.
	Root string
	// User is the name of the user that may log in; empty means ec2-user.
	User string
	// AuthorizedKeys may log in. Required.
	AuthorizedKeys []ssh.PublicKey
	// HostKey identifies the server; nil means a new ed25519 key.
	HostKey ssh.Signer
	// EnvFile is the absolute path, on the instance, of a file to make with
	// mode 0600 and EnvContent; empty means none.
	EnvFile    string
	EnvContent []byte
	// Folders are absolute paths, on the instance, of folders to make.
	Folders []string
	// Engine are the options of the Docker Engine. Start sets Root and Wire, and Name if it is empty.
	Engine engine.Options
}

const defaultUser = "ec2-user"

// Instance is a machine that runs. Its methods may be called concurrently.
type Instance struct {
	opts   Options
	files  *files
	engine *engine.Engine
	wire   *wire.Network
	ssh    *sshserver.Server

	closed sync.Once
	ended  error // of Close
}

// Start starts an instance with an SSH server on a free loopback port. The instance lasts until [Instance.Close] is called
// or ctx ends.
func Start(ctx context.Context, opts Options) (*Instance, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	if err := layout(opts); err != nil {
		return nil, fmt.Errorf("lay out the files of instance %s: %w", opts.ID, err)
	}
	i := &Instance{opts: opts, wire: wire.New()}
	opts.Engine.Root, opts.Engine.Wire = opts.Root, i.wire
	var err error
	if i.engine, err = engine.New(ctx, opts.Engine); err != nil {
		return nil, fmt.Errorf("start the engine of instance %s: %w", opts.ID, err)
	}
	if i.files, err = newFiles(opts, i.engine); err == nil {
		err = i.startSSH()
	}
	if err != nil {
		i.Close()
		return nil, fmt.Errorf("start instance %s: %w", opts.ID, err)
	}
	context.AfterFunc(ctx, func() { _ = i.Close() })
	return i, nil
}

func (o *Options) fill() error {
	switch {
	case o.ID == "":
		return errors.New("start an instance: it needs an ID")
	case o.Root == "":
		return fmt.Errorf("start instance %s: it needs a root folder", o.ID)
	case len(o.AuthorizedKeys) == 0:
		return fmt.Errorf("start instance %s: nobody could log in without an authorized key", o.ID)
	}
	if o.User == "" {
		o.User = defaultUser
	}
	if o.Engine.Name == "" {
		o.Engine.Name = o.ID
	}
	if o.HostKey != nil {
		return nil
	}
	var err error
	o.HostKey, err = newHostKey()
	return err
}

func newHostKey() (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a host key: %w", err)
	}
	return ssh.NewSignerFromKey(private)
}

// ID returns the instance ID.
func (i *Instance) ID() string { return i.opts.ID }

// Zone returns the availability zone.
func (i *Instance) Zone() string { return i.opts.Zone }

// User returns the name of the user that may log in.
func (i *Instance) User() string { return i.opts.User }

// Addr returns the address of SSH, 127.0.0.1:port. It stays the same through faults.
func (i *Instance) Addr() string { return i.ssh.Addr() }

// HostKey returns the host key that new connections are shown, for a line in known_hosts.
func (i *Instance) HostKey() ssh.PublicKey { return i.ssh.HostKeys()[0].PublicKey() }

// Engine returns the instance's Docker Engine.
func (i *Instance) Engine() *engine.Engine { return i.engine }

// Wire returns the instance's network, whose Dial connects to the published ports.
func (i *Instance) Wire() *wire.Network { return i.wire }

// Close ends the SSH server with its connections and commands, and the engine with its containers, and waits until all
// of them have ended. The files stay. It may be called again.
func (i *Instance) Close() error {
	i.closed.Do(func() {
		if i.ssh != nil {
			i.ssh.Close()
		}
		i.ended = i.engine.Close()
		if i.files != nil {
			i.ended = errors.Join(i.ended, i.files.root.Close())
		}
	})
	return i.ended
}

// layout makes the files of an instance after its first boot.
func layout(o Options) error {
	if err := os.MkdirAll(o.Root, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	folders := append([]string{"/etc", "/home/" + o.User, "/tmp", "/var/lib/cloud/data", "/var/run", "/run/cloud-init"}, o.Folders...)
	for _, folder := range folders {
		if err := root.MkdirAll(strings.TrimPrefix(path.Clean("/"+folder), "/"), 0o755); err != nil {
			return err
		}
	}
	err = errors.Join(
		root.WriteFile("etc/hostname", []byte(o.ID+"\n"), 0o644),
		root.WriteFile("var/lib/cloud/data/instance-id", []byte(o.ID+"\n"), 0o644),
		root.WriteFile("run/cloud-init/zone", []byte(o.Zone+"\n"), 0o644),
	)
	if err != nil || o.EnvFile == "" {
		return err
	}
	return writeEnvFile(root, o)
}
