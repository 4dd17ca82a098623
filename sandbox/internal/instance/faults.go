package instance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/growl-dev/deploy/sandbox/internal/engine"
)

// The faults of an instance itself; those of its engine are named in package
// engine.
const (
	// SSHRefused: nothing listens any more; connections that are open stay.
	SSHRefused = "ssh-refused"
	// SSHCut: every SSH connection is cut, once. New ones are accepted.
	SSHCut = "ssh-cut"
	// SSHSilent: new connections are accepted and never answered.
	SSHSilent = "ssh-silent"
	// HostKeyChanged: the server shows another key from now on. Clearing it
	// brings the old one back.
	HostKeyChanged = "host-key-changed"
	// NetworkCut: the instance's ports are out of reach, from the load balancer
	// and from the instance itself. SSH is not concerned.
	NetworkCut = "network-cut"
)

// Faults are the names that [Instance.Inject] knows.
func Faults() []string {
	names := []string{SSHRefused, SSHCut, SSHSilent, HostKeyChanged, NetworkCut}
	for _, f := range engine.Faults() {
		names = append(names, string(f))
	}
	return names
}

// Inject makes the instance fail in the way of that name.
func (i *Instance) Inject(name string) error {
	switch name {
	case SSHRefused:
		i.mu.Lock()
		defer i.mu.Unlock()
		i.stopListening()
	case SSHCut:
		i.mu.Lock()
		defer i.mu.Unlock()
		i.cutConns()
	case SSHSilent:
		i.setSilent(true)
	case HostKeyChanged:
		return i.changeHostKey()
	case NetworkCut:
		i.wire.Cut()
	default:
		return i.engineFault(name, func(f engine.FaultName) { i.engine.Inject(engine.Fault{Name: f}) })
	}
	return nil
}

// Clear ends the fault of that name. Ending one that is not there does nothing.
func (i *Instance) Clear(name string) error {
	switch name {
	case SSHRefused:
		return i.listenAgain()
	case SSHCut:
	case SSHSilent:
		i.setSilent(false)
	case HostKeyChanged:
		i.mu.Lock()
		defer i.mu.Unlock()
		i.hostKey = i.opts.HostKey
	case NetworkCut:
		i.wire.Restore()
	default:
		return i.engineFault(name, i.engine.Clear)
	}
	return nil
}

func (i *Instance) engineFault(name string, act func(engine.FaultName)) error {
	if !slices.Contains(engine.Faults(), engine.FaultName(name)) {
		return fmt.Errorf("unknown fault %q: the instance has %s", name, strings.Join(Faults(), ", "))
	}
	act(engine.FaultName(name))
	return nil
}

func (i *Instance) listenAgain() error {
	i.mu.Lock()
	addr, listening := i.addr, i.listener != nil
	i.mu.Unlock()
	if listening {
		return nil
	}
	return i.listen(addr)
}

func (i *Instance) setSilent(silent bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.silent = silent
}

func (i *Instance) changeHostKey() error {
	key, err := newHostKey()
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hostKey = key
	return nil
}

// stopListening and cutConns are called with mu held.
func (i *Instance) stopListening() {
	if i.listener != nil {
		i.listener.Close()
		i.listener = nil
	}
}

func (i *Instance) cutConns() {
	for conn := range i.conns {
		conn.Close()
		delete(i.conns, conn)
	}
}
