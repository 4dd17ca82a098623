// Command service is what the tests of remote/docker run in containers. MODE
// says how it misbehaves.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	mode := os.Getenv("MODE")
	if mode == "exit" {
		fmt.Println("cannot log in to the database as", os.Getenv("SECRET"))
		os.Exit(7)
	}
	var opened atomic.Uint64
	var signalled atomic.Value
	signalled.Store("")
	go listen(&signalled, mode)
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		switch mode {
		case "unhealthy":
			http.Error(w, "not well", http.StatusServiceUnavailable)
		case "pathless":
			http.NotFound(w, nil)
		}
	})
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) {
		answer := map[string]any{"commit": os.Getenv("GIT_COMMIT"), "signal": signalled.Load()}
		if mode == "liar" {
			answer["commit"] = "another"
		}
		if mode != "uncounted" {
			answer["connections"] = opened.Load()
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	server := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: mux}
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	fmt.Println(server.ListenAndServe())
	os.Exit(1)
}

func listen(signalled *atomic.Value, mode string) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	for s := range signals {
		signalled.Store(s.String())
		if s != syscall.SIGTERM {
			continue
		}
		if mode == "slow" {
			time.Sleep(15 * time.Second)
		}
		os.Exit(0)
	}
}
