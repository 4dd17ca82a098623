// Package hollow runs a container without a process: what stands in for the
// program is a web server in this one. It costs so little that a thousand
// instances fit on one machine.
//
// It answers as growl-backend does: / with its name and commit, /healthz, and
// /version with the count of connections that carried a request; SIGUSR1 drains
// it, SIGUSR2 takes that back, SIGTERM, SIGINT and SIGQUIT stop it. It reads
// PORT, LISTEN_HOST, GIT_COMMIT and LOG_DIR from the container's environment, and
// keeps the count in a file of LOG_DIR too. The program in the image is not looked at.
package hollow

import (
	"cmp"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// firstPID is beyond what a process of a real system has by default.
const firstPID = 1 << 22

// Machine starts the programs of one instance. The zero value is ready, and
// its methods may be called concurrently.
type Machine struct{ started atomic.Int32 }

// Start starts what stands in for a command.
func (m *Machine) Start(cmd *exec.Cmd) (*Program, error) {
	env := map[string]string{}
	for _, pair := range cmd.Env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	address := net.JoinHostPort(env["LISTEN_HOST"], cmp.Or(env["PORT"], "8080"))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	p := newProgram(firstPID+int(m.started.Add(1)), cmp.Or(env["GIT_COMMIT"], "unknown"))
	if dir := env["LOG_DIR"]; dir != "" {
		p.file = filepath.Join(dir, "connections")
	}
	if err := p.keep(); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("keep the count of connections: %w", err)
	}
	p.serve(listener)
	return p, nil
}
