package instance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/growl-dev/deploy/sandbox/internal/engine"
)

// The faults of the instance itself. Package engine has those of its engine.
const (
	// SSHRefused makes the SSH port refuse connections. Open connections stay.
	SSHRefused = "ssh-refused"
	// SSHCut cuts every open SSH connection. New ones are accepted.
	SSHCut = "ssh-cut"
	// SSHSilent makes the server accept new connections and send nothing.
	SSHSilent = "ssh-silent"
	// HostKeyChanged replaces the host key. Clearing the fault restores it.
	HostKeyChanged = "host-key-changed"
	// NetworkCut makes the instance's ports unreachable for the load balancer and the instance itself, but not SSH.
	NetworkCut = "network-cut"
)

// Faults returns the names that [Instance.Inject] accepts.
func Faults() []string {
	names := []string{SSHRefused, SSHCut, SSHSilent, HostKeyChanged, NetworkCut}
	for _, f := range engine.Faults() {
		names = append(names, string(f))
	}
	return names
}

// Inject injects the fault with this name. An unknown name is an error that lists the known ones.
func (i *Instance) Inject(name string) error {
	switch name {
	case SSHRefused:
		i.ssh.StopListening()
	case SSHCut:
		i.ssh.Cut()
	case SSHSilent:
		i.ssh.SetSilent(true)
	case HostKeyChanged:
		key, err := newHostKey()
		if err != nil {
			return err
		}
		i.ssh.SetHostKeys(key)
	case NetworkCut:
		i.wire.Cut()
	default:
		return i.engineFault(name, func(f engine.FaultName) { i.engine.Inject(engine.Fault{Name: f}) })
	}
	return nil
}

// Clear ends the fault with this name. It returns an error if the name is unknown, or if another program has taken the SSH
// port during [SSHRefused].
func (i *Instance) Clear(name string) error {
	switch name {
	case SSHRefused:
		return i.ssh.Listen()
	case SSHCut:
	case SSHSilent:
		i.ssh.SetSilent(false)
	case HostKeyChanged:
		i.ssh.SetHostKeys(i.opts.HostKey)
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
