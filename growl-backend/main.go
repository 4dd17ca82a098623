// Growl-backend is a small HTTP service that can be replaced without a failed
// request: it sends its clients away when told to, and finishes what it began.
//
//	GET /         {"service","commit","host"}
//	GET /healthz  ok
//	GET /version  {"service","commit","host","connections"}
//
// The file "connections" in LOG_DIR holds the figure of the same name.
//
// SIGUSR1 drains it: the next answer on each connection carries
// "Connection: close". SIGUSR2 takes that back. SIGTERM and SIGINT stop it:
// requests in flight are finished, for at most 30 seconds, and it exits with 0.
//
// It is configured by its environment: PORT (8080), LISTEN_HOST (every
// interface), LOG_DIR (/tmp/deployment-test), GIT_COMMIT ("unknown") and
// HOSTNAME (the machine's own name). On standard error it writes JSON lines.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// Before anything else: a signal that comes early must wait, not kill.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM, syscall.SIGINT)

	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(os.Getenv, signals, os.Stderr); err != nil {
		log.Error("stopped", "error", err.Error())
		os.Exit(1)
	}
}

// run serves until a signal stops it. Its error says why it could not serve.
func run(getenv func(string) string, signals <-chan os.Signal, stderr io.Writer) error {
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	c, err := configure(getenv)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.address, err)
	}
	life := &lifelog{dir: c.logDir, commit: c.identity.Commit, log: log}
	s := newService(c.identity)
	s.connections.file = openCountFile(c.logDir, log)
	life.write("start")
	log.Info("listening", "address", listener.Addr().String(), "commit", c.identity.Commit)
	return serve(s, listener, signals, life)
}

// serve answers on listener and obeys signals until one of them stops it.
func serve(s *service, listener net.Listener, signals <-chan os.Signal, life *lifelog) error {
	server := s.server(slog.NewLogLogger(life.log.Handler(), slog.LevelWarn))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	for {
		select {
		case err := <-served:
			return fmt.Errorf("serve %s: %w", listener.Addr(), err)
		case sig := <-signals:
			switch sig {
			case syscall.SIGUSR1:
				s.draining.Store(true)
				life.write("drain")
			case syscall.SIGUSR2:
				s.draining.Store(false)
				life.write("undrain")
			default:
				life.write("stop")
				s.stop(server, listener, served, grace, life.log)
				return nil
			}
		}
	}
}
