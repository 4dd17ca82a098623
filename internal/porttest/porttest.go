// Package porttest finds ports that tests of other packages, which run at the same
// time on the same machine, do not come upon by chance.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Refused is an address at which nobody listens. A port that was listened on and
// closed is none: the system gives it to whoever asks next.
const Refused = "127.0.0.1:1"

// The ports of Free lie below those that systems give to whoever asks for any (Linux
// from 32768, macOS from 49152), and below the sandbox's own.
const first, count = 10000, 10000

// Free is a port to listen on, free on all addresses now, and later unless another
// test chooses the same among ten thousand.
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
