// Command service is the program of the test images: it serves HTTP on $PORT
// and does what a test asks of it.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		os.Exit(command(os.Args[1], os.Args[2:]))
	}
	received := make(chan os.Signal, 8)
	signal.Notify(received, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM)
	fmt.Println("started", os.Getenv("GIT_COMMIT"))
	if dir := os.Getenv("LOG_DIR"); dir != "" {
		note(filepath.Join(dir, "service.log"))
	}
	go signals(received)
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	http.HandleFunc("/exit", func(_ http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.URL.Query().Get("code"))
		os.Exit(code)
	})
	http.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(os.Environ()) })
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
	os.Exit(1)
}

// note leaves a line in a file of the mounted folder.
func note(file string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(f, "started", os.Getenv("GIT_COMMIT"))
	f.Close()
}

// signals prints the drain signals and takes STOP_DELAY to stop.
func signals(received <-chan os.Signal) {
	for s := range received {
		fmt.Println("signal", s)
		if s == syscall.SIGTERM {
			delay, _ := time.ParseDuration(os.Getenv("STOP_DELAY"))
			time.Sleep(delay)
			os.Exit(0)
		}
	}
}

func command(name string, args []string) int {
	switch name {
	case "healthcheck":
		r, err := http.Get("http://127.0.0.1:" + os.Getenv("PORT") + "/healthz")
		if err != nil || r.StatusCode != http.StatusOK {
			return 1
		}
		return 0
	case "exit":
		fmt.Println("out of it")
		fmt.Fprint(os.Stderr, "about to exit")
		code, _ := strconv.Atoi(args[0])
		return code
	default:
		fmt.Fprintln(os.Stderr, "unknown command", name)
		return 64
	}
}
