//go:build unix

package porttest

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
)

// Closed fails the test if this process listens at an address. The port may belong to a process of another test by now,
// so that a connection to it proves nothing.
func Closed(tb testing.TB, address string) {
	tb.Helper()
	conn, err := net.Dial("tcp", address)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return
	}
	if err == nil {
		_ = conn.Close()
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		tb.Fatal(err)
	}
	ours, err := listening()
	if err != nil {
		tb.Fatalf("look for who listens at %s: %v", address, err)
	}
	if ours[port] {
		tb.Fatalf("this process still listens at %s", address)
	}
}

// listening returns the TCP ports at which this process listens.
func listening() (map[string]bool, error) {
	files, err := os.ReadDir("/dev/fd")
	if err != nil {
		return nil, err
	}
	ports := map[string]bool{}
	for _, file := range files {
		fd, err := strconv.Atoi(file.Name())
		if err != nil {
			continue
		}
		if listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || listens == 0 {
			continue // not a socket, or a connection
		}
		switch at, _ := syscall.Getsockname(fd); at := at.(type) {
		case *syscall.SockaddrInet4:
			ports[strconv.Itoa(at.Port)] = true
		case *syscall.SockaddrInet6:
			ports[strconv.Itoa(at.Port)] = true
		}
	}
	return ports, nil
}
