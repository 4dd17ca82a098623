package docker

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
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

// parseTable looks closely at the rows of the port alone: a machine may have ten
// thousand others.
func parseTable(data []byte, port int) (table, error) {
	var t table
	header, rows, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.Contains(header, []byte("local_address")) {
		return t, errors.New("there is no header")
	}
	n := 0
	for line := range bytes.Lines(rows) {
		n++
		if err := t.count(line, port); err != nil {
			return t, fmt.Errorf("row %d: %w", n, err)
		}
	}
	return t, nil
}

// count looks at one row: its number, then the local endpoint, the peer's, and the
// state.
func (t *table) count(line []byte, port int) error {
	var columns [4][]byte
	n := 0
	for field := range bytes.FieldsSeq(line) {
		if columns[n] = field; n == 3 {
			break
		}
		n++
	}
	local, peer, state := columns[1], columns[2], columns[3]
	if state == nil {
		return fmt.Errorf("%d columns", n)
	}
	if found, err := parsePort(local); err != nil || found != port {
		return err
	}
	address, err := parseAddress(peer)
	switch {
	case err != nil:
		return err
	case string(state) == listen:
		t.listens = true
	case string(state) == established && !address.Unmap().IsLoopback():
		t.open++
	}
	return nil
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

// parseAddress reads the address of ADDRESS:PORT. The kernel prints it in
// hexadecimal, as 32-bit words of the machine's own byte order, which is
// little-endian on every machine EC2 has.
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
