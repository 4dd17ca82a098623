package wire

import (
	"net"
	"net/netip"
)

// Track is a connection of the network that was made elsewhere, to port 8080.
func Track(n *Network, s *Stack, conn net.Conn, peer netip.AddrPort) *Conn {
	return &Conn{Conn: conn, network: n, stack: s, peer: peer, row: s.accept(8080, peer)}
}
