// Faulty is the program of the sandbox's bad releases. FAULT says what is wrong
// with it: exit, it ends at once; unhealthy, its health check fails; slow, it
// becomes the growl-backend beside it only after DELAY.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(getenv func(string) string) error {
	switch fault := getenv("FAULT"); fault {
	case "exit":
		fmt.Fprintln(os.Stderr, "growl-backend: reading configuration")
		return errors.New("growl-backend: fatal: migration 42 is missing: this release cannot start")
	case "unhealthy":
		return http.ListenAndServe(net.JoinHostPort(getenv("LISTEN_HOST"), getenv("PORT")), unhealthy(getenv("GIT_COMMIT")))
	case "slow":
		return slow(getenv("DELAY"))
	default:
		return fmt.Errorf("unknown FAULT %q: want exit, unhealthy or slow", fault)
	}
}

// unhealthy answers like growl-backend, but for its health.
func unhealthy(commit string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "database is not reachable", http.StatusInternalServerError)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"service": "growl-backend", "commit": commit, "connections": 0})
	})
	return mux
}

// slow waits and becomes the real service: the same process, so that signals
// and the exit code are its own.
func slow(delay string) error {
	d, err := time.ParseDuration(delay)
	if err != nil {
		return fmt.Errorf("read DELAY: %w", err)
	}
	time.Sleep(d)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	service := filepath.Join(filepath.Dir(self), "growl-backend")
	return syscall.Exec(service, []string{service}, os.Environ())
}
