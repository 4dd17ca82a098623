// Package hollow runs a container without a process: what stands in for the
// program is a web server in this one, of package standin. It costs so little that a
// thousand instances fit on one machine. The program in the image is not run.
package hollow

import (
	"os/exec"
	"strings"
	"sync/atomic"

	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

// firstPID is beyond what a process of a real system has by default.
const firstPID = 1 << 22

// Machine starts the programs of one instance. The zero value is ready, and
// its methods may be called concurrently.
type Machine struct{ started atomic.Int32 }

// Program stands in for a container's process. Its methods may be called
// concurrently.
type Program struct {
	*standin.Server
	pid int
}

// PID is a number that no other program of the machine has.
func (p *Program) PID() int { return p.pid }

// Start starts what stands in for a command.
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
