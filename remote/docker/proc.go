package docker

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The kernel's TCP_ESTABLISHED and TCP_LISTEN in /proc/net/tcp's column st.
const (
	established = "01"
	listen      = "0A"
)

// table is what /proc/net/tcp or tcp6 tells of a local port.
type table struct {
	// open are the rows of clients: established, and the peer not loopback.
	open    int
	listens bool
}

func parseTable(data []byte, port int) (table, error) {
	var t table
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if !strings.Contains(lines[0], "local_address") {
		return t, errors.New("there is no header")
	}
	for i, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			return t, fmt.Errorf("row %d has %d columns", i+1, len(fields))
		}
		local, err := parseEndpoint(fields[1])
		if err != nil {
			return t, fmt.Errorf("row %d: %w", i+1, err)
		}
		peer, err := parseEndpoint(fields[2])
		if err != nil {
			return t, fmt.Errorf("row %d: %w", i+1, err)
		}
		if int(local.Port()) != port {
			continue
		}
		switch {
		case fields[3] == listen:
			t.listens = true
		case fields[3] == established && !peer.Addr().Unmap().IsLoopback():
			t.open++
		}
	}
	return t, nil
}

// parseEndpoint reads ADDRESS:PORT in hexadecimal. The kernel prints an address
// as 32-bit words of the machine's own byte order, which is little-endian on
// every machine EC2 has; the port is in the usual order.
func parseEndpoint(text string) (netip.AddrPort, error) {
	word, portText, ok := strings.Cut(text, ":")
	if !ok {
		return netip.AddrPort{}, errors.New("an address has no port")
	}
	address, err := hex.DecodeString(word)
	if err != nil || (len(address) != 4 && len(address) != 16) {
		return netip.AddrPort{}, errors.New("an address is not 4 or 16 bytes in hexadecimal")
	}
	port, err := strconv.ParseUint(portText, 16, 16)
	if err != nil {
		return netip.AddrPort{}, errors.New("a port is not hexadecimal")
	}
	for i := 0; i < len(address); i += 4 {
		slices.Reverse(address[i : i+4])
	}
	addr, _ := netip.AddrFromSlice(address)
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// parsePassiveOpens reads how many connections were accepted from
// /proc/net/snmp: a line "Tcp:" of names, then one of numbers.
func parsePassiveOpens(data []byte) (uint64, error) {
	var names []string
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		i := slices.Index(names, "PassiveOpens")
		if i < 0 || i >= len(fields) {
			return 0, errors.New("there is no PassiveOpens")
		}
		return strconv.ParseUint(fields[i], 10, 64)
	}
	return 0, errors.New("there are no Tcp lines")
}
