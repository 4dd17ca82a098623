package docker

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// neighbours is where the kernel of the instance tells whom it sees on its links.
const neighbours = "/proc/net/arp"

// complete is the flag ATF_COM: the neighbour has answered.
const complete = 0x2

// isNeighbour reports whether what is at an IPv4 address, as the instance sees it,
// has that hardware address. A container's own address alone proves nothing: it is
// another network's where the engine runs without root's rights, and in there,
// or in the whole VPC, somebody else may have the same.
func isNeighbour(data []byte, address netip.Addr, hardware net.HardwareAddr) bool {
	if !address.Is4() || len(hardware) == 0 {
		return false
	}
	for line := range strings.Lines(string(data)) {
		columns := strings.Fields(line) // address, type, flags, hardware address
		if len(columns) < 4 || columns[0] != address.String() || !strings.EqualFold(columns[3], hardware.String()) {
			continue
		}
		if flags, err := strconv.ParseUint(columns[2], 0, 32); err == nil && flags&complete != 0 {
			return true
		}
	}
	return false
}
