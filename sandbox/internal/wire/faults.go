package wire

import "context"

// Cut disconnects the network. Open connections are reset, and dials hang until [Network.Restore] or the end of their
// context.
func (n *Network) Cut() {
	n.mu.Lock()
	if n.restored == nil {
		n.restored = make(chan struct{})
	}
	open := make([]*Conn, 0, len(n.conns))
	for c := range n.conns {
		open = append(open, c)
	}
	n.mu.Unlock()
	for _, c := range open {
		c.reset()
	}
}

// Restore ends the effect of Cut. It does nothing if the network is connected.
func (n *Network) Restore() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.restored != nil {
		close(n.restored)
		n.restored = nil
	}
}

func (n *Network) waitUp(ctx context.Context) error {
	n.mu.Lock()
	restored := n.restored
	n.mu.Unlock()
	if restored == nil {
		return nil
	}
	select {
	case <-restored:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
