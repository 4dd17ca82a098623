package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
)

// The widths and columns are those of the kernel's net/ipv4/tcp_ipv4.c
// (get_tcp4_sock, padded to TMPSZ-1 by seq_setwidth), net/ipv6/tcp_ipv6.c and
// net/ipv4/proc.c, on a little-endian machine such as all of EC2's.
const (
	tcpWidth   = 149
	tcpHeader  = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
	tcp6Header = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
	socketTail = " %02X 00000000:00000000 00:00000000 00000000 %5d %8d %d 1 0000000000000000"
	listenTail = " 100 0 0 10 0"
	openTail   = " 20 4 30 10 -1"
	// A row in TIME_WAIT has fewer columns, because it has no socket any more. The rest of its 60 s is not modelled.
	waitTail = " 06 00000000:00000000 03:00000BB8 00000000     0        0 0 3 0000000000000000"
	// serviceUID is the user of an unprivileged container's program.
	serviceUID = 65532
	firstInode = 20000
)

// TCP renders the IPv4 sockets as /proc/<pid>/net/tcp.
func (s Snapshot) TCP() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-*s\n", tcpWidth, tcpHeader)
	n := 0
	for i, r := range s.Rows {
		if r.V6 {
			continue
		}
		line := fmt.Sprintf("%4d: %s %s%s", n, hex4(r.Local), hex4(r.Peer), tail(i, r))
		fmt.Fprintf(&b, "%-*s\n", tcpWidth, line)
		n++
	}
	return b.Bytes()
}

// TCP6 renders the IPv6 sockets as /proc/<pid>/net/tcp6.
func (s Snapshot) TCP6() []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, tcp6Header)
	n := 0
	for i, r := range s.Rows {
		if !r.V6 {
			continue
		}
		fmt.Fprintf(&b, "%4d: %s %s%s\n", n, hex6(r.Local), hex6(r.Peer), tail(i, r))
		n++
	}
	return b.Bytes()
}

func tail(i int, r Row) string {
	if r.State == StateTimeWait {
		return waitTail
	}
	common := fmt.Sprintf(socketTail, r.State, serviceUID, 0, firstInode+i)
	if r.State == StateListen {
		return common + listenTail
	}
	return common + openTail
}

func hex4(a netip.AddrPort) string {
	ip := a.Addr().Unmap().As4()
	return fmt.Sprintf("%08X:%04X", binary.LittleEndian.Uint32(ip[:]), a.Port())
}

func hex6(a netip.AddrPort) string {
	ip := a.Addr().As16() // v4-mapped for an IPv4 address
	var words [4]uint32
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(ip[4*i:])
	}
	return fmt.Sprintf("%08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3], a.Port())
}

const snmpFormat = `Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits
Ip: 1 64 %[1]d 0 0 0 0 0 %[1]d %[1]d 0 0 0 0 0 0 0 0 0 %[1]d
Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps
Icmp: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors
Tcp: 1 200 120000 -1 %[2]d %[3]d 0 0 %[4]d %[1]d %[1]d 0 0 0 0
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
Udp: 0 0 0 0 0 0 0 0 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
UdpLite: 0 0 0 0 0 0 0 0 0
`

// segmentsPerConnection is a plausible number of packets in each direction, for counters that no decision should use.
const segmentsPerConnection = 5

// SNMP renders the counters as /proc/<pid>/net/snmp.
func (s Snapshot) SNMP() []byte {
	segments := segmentsPerConnection * (s.ActiveOpens + s.PassiveOpens)
	return fmt.Appendf(nil, snmpFormat, segments, s.ActiveOpens, s.PassiveOpens, s.Established())
}
