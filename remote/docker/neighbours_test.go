package docker

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"
)

const arpHeader = "IP address       HW type     Flags       HW address            Mask     Device\n"

var (
	containerIP  = netip.MustParseAddr("172.17.0.2")
	containerMAC = net.HardwareAddr{0x0a, 0xa4, 0x1f, 0xd0, 0x03, 0x02}
)

func TestIsNeighbour(t *testing.T) {
	for text, want := range map[string]bool{
		"172.17.0.2 0x1 0x2 0a:a4:1f:d0:03:02 * docker0": true,
		"172.17.0.2 0x1 0x6 0A:A4:1F:D0:03:02 * docker0": true,
		"172.17.0.2 0x1 0x0 0a:a4:1f:d0:03:02 * docker0": false, // it did not answer
		"172.17.0.2 0x1 0x2 0a:a4:1f:d0:03:03 * eth0":    false, // another machine of the VPC
		"172.17.0.3 0x1 0x2 0a:a4:1f:d0:03:02 * docker0": false,
		"172.17.0.2 0x1 x 0a:a4:1f:d0:03:02 * docker0":   false,
		"172.17.0.2 0x1 0x2":                             false,
		"":                                               false,
	} {
		require.Equal(t, want, isNeighbour([]byte(arpHeader+text+"\n"), containerIP, containerMAC), text)
	}
	row := []byte("invalid IP 0x2 \n172.17.0.2 0x1 0x2  * docker0\n")
	require.False(t, isNeighbour(row, netip.Addr{}, containerMAC))
	require.False(t, isNeighbour(row, containerIP, nil))
}

func FuzzIsNeighbour(f *testing.F) {
	f.Add(arpHeader + "172.17.0.2 0x1 0x2 0a:a4:1f:d0:03:02 * docker0\n")
	f.Fuzz(func(t *testing.T, text string) {
		if isNeighbour([]byte(text), containerIP, containerMAC) {
			require.Contains(t, text, containerIP.String())
			require.Contains(t, strings.ToLower(text), containerMAC.String())
		}
	})
}

// The service is asked at the container's own address where the instance's kernel
// knows the container there, and at the published port where it does not answer.
func TestOwnAddress(t *testing.T) {
	const published, own = "127.0.0.1:80", "172.17.0.2:8080"
	known := arpHeader + "172.17.0.2 0x1 0x2 0a:a4:1f:d0:03:02 * docker0\n"
	for name, test := range map[string]struct {
		arp  string
		dead string
		want []string
	}{
		"neighbour":                {arp: known, want: []string{published, own, own}},
		"stranger":                 {arp: arpHeader, want: []string{published, published, published}},
		"unreadable":               {want: []string{published, published, published}},
		"neighbour that is silent": {arp: known, dead: own, want: []string{published, own, published, published}},
	} {
		t.Run(name, func(t *testing.T) {
			n := &counting{arp: test.arp, dead: test.dead}
			h := n.host()
			h.serving.endpoints = map[string]*network.EndpointSettings{
				"bridge": {IPAddress: containerIP, MacAddress: network.HardwareAddr(containerMAC)}, "other": nil,
			}
			for i := range 3 {
				n.connect(1)
				n.sample(t, h)
				found, _ := n.sample(t, h)
				require.Equal(t, uint64(i+1), found.Opened)
				require.Equal(t, i+1, found.Open)
			}
			require.Equal(t, test.want, n.from)
		})
	}
}
