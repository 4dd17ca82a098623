package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func readCount(t *testing.T, dir string) uint64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, countFileName))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestTheFileHoldsTheCount(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	s := newService(someone)
	s.connections.file = openCountFile(dir, quiet())
	address := start(t, s)
	if got := readCount(t, dir); got != 0 {
		t.Fatalf("%d at the start", got)
	}
	var wg sync.WaitGroup
	for range 40 {
		c := dial(t, address)
		wg.Go(func() {
			_, _ = io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			_, _ = c.read.ReadByte()
		})
	}
	wg.Wait()
	if got := readCount(t, dir); got != 40 {
		t.Fatalf("%d of 40", got)
	}
	openCountFile(dir, quiet()) // of the next container
	if got := readCount(t, dir); got != 0 {
		t.Fatalf("%d at the next start", got)
	}
}

// An old count would be taken for true: no file is better.
func TestAFileThatCannotBeWrittenIsTakenAway(t *testing.T) {
	dir := t.TempDir()
	c := openCountFile(dir, quiet())
	c.write(7)
	readOnly, err := os.Open(c.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.file.Close()
	c.file = readOnly
	c.write(8)
	c.write(9)
	if _, err := os.Stat(filepath.Join(dir, countFileName)); !os.IsNotExist(err) {
		t.Fatalf("it is still there: %v", err)
	}
}

func TestAServiceWithoutItsFolderCountsAllTheSame(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newService(someone)
	if s.connections.file = openCountFile(file, quiet()); s.connections.file != nil {
		t.Fatal("there is a file in a file")
	}
	address := start(t, s)
	dial(t, address).get("/")
	if got := connections(t, address); got != 1 {
		t.Fatalf("%d connections", got)
	}
}

// The image says where the file is, with LOG_DIR as the image sets it.
func TestTheImageNamesTheFile(t *testing.T) {
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"LOG_DIR=/tmp/deployment-test\n", "dev.growl.connections=/tmp/deployment-test/" + countFileName + "\n"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("there is no %q", line)
		}
	}
}
