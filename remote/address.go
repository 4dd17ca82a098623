package remote

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// address is the address of an SSH server.
type address struct{ host, port string }

// String returns host:port, with brackets around an IPv6 host.
func (a address) String() string { return net.JoinHostPort(a.host, a.port) }

// parseAddress parses host, host:port, an IPv6 address, or [IPv6]:port.
func parseAddress(text string) (address, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), DefaultPort
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return address{}, fmt.Errorf("address %q is not host or host:port", text)
		}
	}
	if host == "" || strings.HasPrefix(host, "-") || strings.ContainsAny(host, " \t\r\n[]") {
		return address{}, fmt.Errorf("address %q is not host or host:port", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return address{}, fmt.Errorf("address %q: port is not a number between 1 and 65535", text)
	}
	return address{host, port}, nil
}
