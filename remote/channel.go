package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// openChannel opens a channel and refuses all requests of the peer in it. It waits for the peer as long as the
// connection lives.
func openChannel(connection ssh.Conn, kind string, payload []byte) (ssh.Channel, error) {
	channel, requests, err := connection.OpenChannel(kind, payload)
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok && refused.Reason == ssh.Prohibited && kind == "direct-tcpip" {
		return nil, fmt.Errorf("%w: %w: set AllowTcpForwarding yes in its sshd_config, and look there for DisableForwarding and PermitOpen, and for restrict in authorized_keys", ErrForwarding, err)
	}
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(requests)
	return channel, nil
}

// dialChannel opens a channel to an address as the peer sees it: a TCP address (RFC 4254, section 7.2), or a unix
// socket (an extension of OpenSSH).
func dialChannel(connection ssh.Conn, network, address string) (ssh.Channel, error) {
	if network == "unix" {
		return openChannel(connection, "direct-streamlocal@openssh.com", ssh.Marshal(&struct {
			Path, Reserved string
			ReservedToo    uint32
		}{Path: address}))
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, err
	}
	return openChannel(connection, "direct-tcpip", ssh.Marshal(&struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}{host, uint32(port), "127.0.0.1", 0}))
}

// dialStream is dialChannel that also ends with ctx, and whose stream supports deadlines.
func dialStream(ctx context.Context, connection ssh.Conn, network, address string) (net.Conn, error) {
	channel, err := await(ctx, func() (ssh.Channel, error) {
		return dialChannel(connection, network, address)
	}, func(late ssh.Channel) { _ = late.Close() })
	if err != nil {
		return nil, err
	}
	return withDeadlines(channel, peer{network, address}), nil
}

// connection is an SSH connection with the channels and requests of the peer.
type connection struct {
	ssh.Conn
	channels <-chan ssh.NewChannel
	requests <-chan *ssh.Request
	to       address
}

// serve refuses whatever the peer requests, until the connection ends. Without it the connection would block at the
// peer's first request.
func (c *connection) serve() {
	channels, requests := c.channels, c.requests
	for channels != nil || requests != nil {
		select {
		case channel, open := <-channels:
			if !open {
				channels = nil
				continue
			}
			_ = channel.Reject(ssh.Prohibited, "this client serves nothing")
		case request, open := <-requests:
			if !open {
				requests = nil
				continue
			}
			if request.WantReply {
				_ = request.Reply(false, nil)
			}
		}
	}
}
