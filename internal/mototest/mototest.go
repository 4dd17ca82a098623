// Package mototest runs moto_server, a third-party emulator of AWS, for tests that apply the whole Terraform
// configuration.
package mototest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Start runs an emulator for one test, and returns its URL. The test is skipped if moto_server is not in PATH (pip
// install 'moto[server]').
func Start(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not on PATH")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a port for moto_server: %v", err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	var log bytes.Buffer
	server := exec.Command(program, "-H", "127.0.0.1", "-p", port)
	server.Stdout, server.Stderr = &log, &log
	// The server may have a version manager's wrapper as its parent, so that both have to be ended together.
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		t.Fatalf("start moto_server: %v", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		_ = server.Wait()
		if t.Failed() {
			t.Logf("the end of moto_server's log: %s", log.Bytes()[max(0, log.Len()-4000):])
		}
	})
	moto := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", port)}
	await(t, moto.String())
	served := httptest.NewServer(&front{next: httputil.NewSingleHostReverseProxy(moto), descriptions: map[string]string{}})
	t.Cleanup(served.Close)
	return served.URL
}

// await returns once the emulator answers.
func await(t *testing.T, url string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"/moto-api/data.json", nil)
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("moto_server does not answer: %v", err)
		case <-tick.C:
		}
	}
}
