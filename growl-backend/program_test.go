package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the service: the tests below run it as a
// program of its own, with its own signals.
func TestMain(m *testing.M) {
	if os.Getenv("GROWL_BACKEND_IS_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is a running growl-backend.
type program struct {
	t       *testing.T
	cmd     *exec.Cmd
	lines   chan map[string]any
	address string
}

func runProgram(t *testing.T, env ...string) *program {
	t.Helper()
	p := &program{t: t, lines: make(chan map[string]any, 100)}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), "GROWL_BACKEND_IS_PROGRAM=1", "PORT=0",
		"LISTEN_HOST=127.0.0.1", "GIT_COMMIT=abc123", "HOSTNAME=box")
	p.cmd.Env = append(p.cmd.Env, env...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go p.follow(stderr)
	p.address = p.await("listening")["address"].(string)
	return p
}

// follow passes on what the program says; every line must be JSON.
func (p *program) follow(stderr io.Reader) {
	defer close(p.lines)
	for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
		line := map[string]any{}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			p.t.Errorf("not JSON: %s", scanner.Text())
		}
		p.lines <- line
	}
}

// await returns the next line with the message.
func (p *program) await(message string) map[string]any {
	p.t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case line, open := <-p.lines:
			if !open {
				p.t.Fatalf("ended without saying %q", message)
			}
			if line["msg"] == message {
				return line
			}
		case <-timeout:
			p.t.Fatalf("never said %q", message)
		}
	}
}

func (p *program) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) wantExit(code int) {
	p.t.Helper()
	for range p.lines { // Wait closes the pipe: read it to its end first
	}
	_ = p.cmd.Wait()
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("exit code %d, want %d", got, code)
	}
}

func TestProgramDrainsUndrainsAndStops(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by the service")
	p := runProgram(t, "LOG_DIR="+dir)
	c := dial(t, p.address)
	if r, body := c.get("/"); r.Close || !strings.Contains(body, `"commit":"abc123","host":"box"`) {
		t.Fatalf("close %t, %s", r.Close, body)
	}

	p.signal(syscall.SIGUSR1)
	p.await("drain")
	if r, _ := c.get("/"); !r.Close {
		t.Fatal("drained, and the answer does not say close")
	}

	p.signal(syscall.SIGUSR2)
	p.await("undrain")
	c = dial(t, p.address)
	if r, _ := c.get("/healthz"); r.Close {
		t.Fatal("taken back, and the answer says close")
	}

	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	if got := events(t, dir); got != "start drain undrain stop" {
		t.Fatalf("log file says %q", got)
	}
}

// events reads the names of the events in the log file, and checks its lines.
func events(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "growl-backend.log"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range bytes.Lines(text) {
		var fields map[string]string
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, err := time.Parse(time.RFC3339Nano, fields["time"]); err != nil || fields["commit"] != "abc123" || len(fields) != 3 {
			t.Fatalf("line %s: %v", line, err)
		}
		names = append(names, fields["event"])
	}
	return strings.Join(names, " ")
}

func TestProgramFinishesTheRequestInFlight(t *testing.T) {
	for range 5 {
		if finishesInFlight(t) {
			return
		}
	}
	t.Fatal("this machine never sends a request in time")
}

// finishesInFlight reports false where this machine took so long to send a request
// that the connection was taken for idle.
func finishesInFlight(t *testing.T) bool {
	t.Helper()
	p := runProgram(t, "LOG_DIR="+t.TempDir(), "PORT="+freePort(t))
	began := time.Now()
	c := dial(t, p.address)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n") // not complete yet
	// The server accepts in order: once this one is answered, c's is accepted too.
	dial(t, p.address).get("/healthz")

	p.signal(syscall.SIGTERM)
	p.await("stop")
	waitRefused(t, p.address)
	_, _ = io.WriteString(c.conn, "\r\n")
	if _, err := c.read.Peek(1); err != nil && time.Since(began) > newborn {
		return false
	}
	if r, _ := c.answer(); r.StatusCode != 200 || !r.Close {
		t.Fatalf("status %d, close %t", r.StatusCode, r.Close)
	}
	c.wantClosed()
	p.wantExit(0)
	return true
}

// freePort is a port below those that systems give to whoever asks for any: once it
// is closed, nobody else comes to listen at it.
func freePort(t *testing.T) string {
	t.Helper()
	for range 200 {
		port := strconv.Itoa(10000 + rand.IntN(10000))
		if listener, err := net.Listen("tcp", ":"+port); err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// waitRefused returns once nothing listens at address.
func waitRefused(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	t.Fatal("still listens")
}

func TestProgramServesWithoutALogFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := runProgram(t, "LOG_DIR="+filepath.Join(file, "below"))
	if r, _ := dial(t, p.address).get("/"); r.StatusCode != 200 {
		t.Fatalf("status %d", r.StatusCode)
	}
	p.signal(syscall.SIGUSR1)
	if said := p.await("log file not written")["event"]; said != "drain" {
		t.Fatalf("event %v", said)
	}
	p.signal(syscall.SIGINT)
	p.wantExit(0)
}

func TestProgramRefusesABadPort(t *testing.T) {
	for _, port := range []string{"http", "-1", "65536", "80 80"} {
		env := map[string]string{"PORT": port}
		err := run(func(key string) string { return env[key] }, nil, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "PORT") {
			t.Errorf("PORT=%s: %v", port, err)
		}
	}
}

func TestProgramRefusesATakenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	dir := t.TempDir()
	env := map[string]string{"PORT": port, "LISTEN_HOST": host, "LOG_DIR": dir}
	err = run(func(key string) string { return env[key] }, nil, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "listen on 127.0.0.1:"+port) {
		t.Fatalf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Fatal("a service that never started says start")
	}
}

func TestConfigureDefaults(t *testing.T) {
	c, err := configure(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	want := config{address: ":8080", logDir: "/tmp/deployment-test",
		identity: identity{Service: "growl-backend", Commit: "unknown", Host: host}}
	if c != want {
		t.Fatalf("%+v, want %+v", c, want)
	}
}
