// Faulty is the program of the sandbox's bad releases. FAULT says what is wrong
// with it: exit, it ends at once; leak, it prints its secrets first; unhealthy, its health check fails; slow, it
// becomes the growl-backend beside it only after DELAY; plain, it serves well, but
// counts no connections and knows nothing of draining. With the argument check it is
// a container's own health check.
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
	do := run
	if len(os.Args) > 1 && os.Args[1] == "check" {
		do = check
	}
	if err := do(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(getenv func(string) string) error {
	switch fault := getenv("FAULT"); fault {
	case "exit":
		fmt.Fprintln(os.Stderr, "growl-backend: reading configuration")
		return errors.New("growl-backend: fatal: migration 42 is missing: this release cannot start")
	case "leak":
		return leak(getenv, os.Stderr)
	case "unhealthy":
		return http.ListenAndServe(address(getenv), unhealthy(getenv("GIT_COMMIT")))
	case "plain":
		return http.ListenAndServe(address(getenv), plain(getenv("GIT_COMMIT")))
	case "slow":
		return slow(getenv("DELAY"))
	default:
		return fmt.Errorf("unknown FAULT %q: want exit, leak, unhealthy, slow or plain", fault)
	}
}

func address(getenv func(string) string) string {
	return net.JoinHostPort(getenv("LISTEN_HOST"), getenv("PORT"))
}

// check asks the service that runs in the same container whether it is healthy.
func check(getenv func(string) string) error {
	answer, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://" + address(getenv) + "/healthz")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// plain answers whatever is asked well.
func plain(commit string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"service": "plain", "commit": commit})
	})
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
