// Package porttest finds ports that do not collide with those of other packages' tests, which run at the same time on
// the same machine.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Refused is an address at which no process listens. The port of a closed listener is not suitable, because the system
// gives it to the next process that needs one.
const Refused = "127.0.0.1:1"

// The ports of Free are lower than those that systems assign automatically (Linux from 32768, macOS from 49152), and
// than the sandbox's own.
const first, count = 10000, 10000

// Free returns a port to listen on. It is free on all addresses now, and stays so unless another test chooses the same
// among ten thousand.
func Free(tb testing.TB) int {
	tb.Helper()
	for range 200 {
		port := first + rand.IntN(count)
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			tb.Fatalf("close port %d: %v", port, err)
		}
		return port
	}
	tb.Fatalf("no port from %d to %d is free", first, first+count-1)
	return 0
}
