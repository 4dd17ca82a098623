package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/moby/moby/client"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/sandbox/internal/balancer"
	"github.com/growl-dev/deploy/sandbox/internal/engine"
	"github.com/growl-dev/deploy/sandbox/internal/hollow"
	"github.com/growl-dev/deploy/sandbox/internal/instance"
)

// machine is one instance.
type machine struct {
	*instance.Instance
	name   string
	docker *client.Client
	// socket is the path of the engine's socket. It is empty if the path would be too long for one.
	socket string
}

// instanceID returns the ID of the n-th instance, which is the same in every environment.
func instanceID(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "instance %d", n))
	return "i-0" + hex.EncodeToString(sum[:8])
}

// atOnce is the number of machines that are started at the same time.
const atOnce = 100

// boot starts all machines at once, without a container.
func (e *Environment) boot() error {
	key, err := writeKey(e.path(keyFile))
	if err != nil {
		return err
	}
	if e.opts.Hollow { // because a client would read a thousand lines of known hosts for each connection
		if e.authority, _, err = newKey(); err != nil {
			return err
		}
	}
	e.machines = make([]*machine, e.opts.Instances)
	var work errgroup.Group
	work.SetLimit(atOnce)
	for i := range e.machines {
		work.Go(func() (err error) {
			if e.machines[i], err = e.bootOne(i, key); err != nil {
				return fmt.Errorf("start instance %d: %w", i+1, err)
			}
			return nil
		})
	}
	return work.Wait()
}

// bootOne starts a machine: its network, its engine and its SSH server.
func (e *Environment) bootOne(i int, key ssh.PublicKey) (*machine, error) {
	id, name := instanceID(i+1), fmt.Sprintf("%s-%d", e.opts.Service.Name, i+1)
	settings := engine.Options{Name: name, Pool: e.opts.Service.Pool}
	var hostKey ssh.Signer
	if e.opts.Hollow {
		var err error
		if hostKey, err = certified(e.authority); err != nil {
			return nil, err
		}
		settings.Start = hollowStart()
	}
	started, err := instance.Start(e.ctx, instance.Options{
		ID: id, Zone: e.opts.Zones[i%len(e.opts.Zones)], Root: filepath.Join(e.path(machinesDir), id),
		User: userName, AuthorizedKeys: []ssh.PublicKey{key}, HostKey: hostKey, Engine: settings,
		EnvFile: e.opts.Service.EnvFile, EnvContent: []byte("# written at first boot\nENVIRONMENT=" + e.opts.Environment + "\n"),
		Folders: e.opts.Service.sources(),
	})
	if err != nil {
		return nil, err
	}
	e.cleanup.add(started.Close)
	m := &machine{Instance: started, name: name}
	if m.docker, err = m.client(); err != nil {
		return nil, err
	}
	e.cleanup.add(m.docker.Close)
	if err := e.openSocket(m, i); err != nil {
		return nil, err
	}
	return m, e.balancer.AddInstance(id, m.Zone(), e.dialer(m))
}

// hollowStart returns the function that starts the programs of one machine inside this process.
func hollowStart() func(*exec.Cmd) (engine.Program, error) {
	var machine hollow.Machine
	return func(cmd *exec.Cmd) (engine.Program, error) { return machine.Start(cmd) }
}

// openSocket serves the machine's engine on a socket in the environment's folder, for docker -H.
func (e *Environment) openSocket(m *machine, i int) error {
	path := e.path(fmt.Sprintf("docker-%d.sock", i+1))
	if !unixPath(path) {
		e.opts.Logf("no Docker socket for %s: the path %s is too long for one", m.name, path)
		return nil
	}
	l, err := listenUnix(path)
	if err != nil {
		return err
	}
	m.socket = path
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = m.Engine().Serve(l)
	}()
	e.cleanup.add(func() error {
		err := m.Close()
		<-ended
		return err
	})
	return nil
}

// endpoint returns the machine as a target.
func (e *Environment) endpoint(m *machine) balancer.Endpoint {
	return balancer.Endpoint{Instance: m.ID(), Port: e.opts.Service.HostPort}
}
