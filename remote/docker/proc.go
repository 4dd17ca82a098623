package docker

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// established is the kernel's TCP_ESTABLISHED, in column st of /proc/net/tcp.
const established = "01"

// parseOpen counts the connections that clients have open to a port, in /proc/net/tcp or tcp6: the rows that are
// established and whose peer is not a loopback address.
func parseOpen(data []byte, port int) (open int, err error) {
	header, rows, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.Contains(header, []byte("local_address")) {
		return 0, errors.New("there is no header")
	}
	n := 0
	for line := range bytes.Lines(rows) {
		n++
		client, err := isClient(line, port)
		if err != nil {
			return 0, fmt.Errorf("row %d: %w", n, err)
		}
		if client {
			open++
		}
	}
	return open, nil
}

// isClient parses one row: its number, the local endpoint, the peer's, the state, and more. It parses the peer only in
// rows of the port, because a machine may have ten thousand others.
func isClient(line []byte, port int) (bool, error) {
	columns := bytes.Fields(line)
	if len(columns) < 4 {
		return false, fmt.Errorf("%d columns", len(columns))
	}
	local, peer, state := columns[1], columns[2], columns[3]
	if found, err := parsePort(local); err != nil || found != port {
		return false, err
	}
	address, err := parseAddress(peer)
	if err != nil {
		return false, err
	}
	return string(state) == established && !address.Unmap().IsLoopback(), nil
}

// parsePort reads the port of ADDRESS:PORT, in hexadecimal.
func parsePort(endpoint []byte) (int, error) {
	_, text, found := bytes.Cut(endpoint, []byte(":"))
	port, err := strconv.ParseUint(string(text), 16, 16)
	if !found || err != nil {
		return 0, errors.New("an endpoint has no port in hexadecimal")
	}
	return int(port), nil
}

// parseAddress reads the address of ADDRESS:PORT. The kernel prints it in hexadecimal, as 32-bit words of the machine's
// own byte order, which is little-endian on every machine that EC2 has.
func parseAddress(endpoint []byte) (netip.Addr, error) {
	text, _, _ := bytes.Cut(endpoint, []byte(":"))
	address, err := hex.AppendDecode(nil, text)
	if err != nil || (len(address) != 4 && len(address) != 16) {
		return netip.Addr{}, errors.New("an address is not 4 or 16 bytes in hexadecimal")
	}
	for i := 0; i < len(address); i += 4 {
		slices.Reverse(address[i : i+4])
	}
	addr, _ := netip.AddrFromSlice(address)
	return addr, nil
}

// parsePassiveOpens reads, from /proc/net/snmp, how many connections were accepted in a network so far. The file has
// one line "Tcp:" of names and then one of numbers.
func parsePassiveOpens(data []byte) (uint64, error) {
	const name = "PassiveOpens"
	column := -1
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		switch {
		case !strings.HasPrefix(line, "Tcp:"):
		case column < 0:
			if column = slices.Index(fields, name); column < 0 {
				return 0, fmt.Errorf("there is no %s", name)
			}
		case column >= len(fields):
			return 0, fmt.Errorf("%s has no number", name)
		default:
			opened, err := strconv.ParseUint(fields[column], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s is not a number: %w", name, err)
			}
			return opened, nil
		}
	}
	return 0, errors.New("there are no two Tcp lines")
}
