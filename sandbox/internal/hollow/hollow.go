// Package hollow runs a container without a process. Instead of the program in the image, it runs a web server of package
// standin in this process, which costs so little that a thousand instances fit on one machine.
package hollow

import (
	"os/exec"
	"strings"
	"sync/atomic"

	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

// firstPID is above the default limit of process IDs on a real system.
const firstPID = 1 << 22

// Machine starts the programs of one instance. The zero value is usable. Its methods may be called concurrently.
type Machine struct{ started atomic.Int32 }

// Program replaces a container's process. Its methods may be called concurrently.
type Program struct {
	*standin.Server
	pid int
}

// PID returns a number that no other program of the machine has.
func (p *Program) PID() int { return p.pid }

// Start starts the replacement of a command.
func (m *Machine) Start(cmd *exec.Cmd) (*Program, error) {
	env := map[string]string{}
	for _, pair := range cmd.Env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	server, err := standin.Start(func(name string) string { return env[name] })
	if err != nil {
		return nil, err
	}
	return &Program{server, firstPID + int(m.started.Add(1))}, nil
}
