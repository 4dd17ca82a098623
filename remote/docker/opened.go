package docker

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// count is how many connections were opened to a container, and who says so.
type count struct {
	source  rollout.Source
	known   bool   // source is
	opened  uint64 // at the last question
	grew    bool   // since the one before
	passive uint64 // the kernel's counter just before
	idle    bool   // nobody was connected then
	at      time.Time
	// file is where the count is read, instead of asking for it.
	file string
	// own is how many of the kernel's connections were our questions.
	own uint64
	// address is the container's own, where the service is asked; empty while none
	// is known.
	address string
}

// still reports whether the service would say the same again: nobody has connected
// since, nor was connected without a request so far. That nobody who was connected
// has sent the first one is only believed. A file is read each time.
func (c *count) still(now counters) bool {
	return c.file == "" && !c.at.IsZero() && c.passive == now.passive && (c.idle || time.Since(c.at) < believed)
}

// lookAtCount counts the connections that clients have opened so far.
func (h *Host) lookAtCount(ctx context.Context, s *serving, now glance) error {
	at := time.Now()
	opened, err := h.countOpened(ctx, s, now)
	if err == nil {
		c := &s.count
		open, known := s.tables.still(now.counters)
		c.grew, c.opened = opened != c.opened, opened
		c.passive, c.idle, c.at = now.passive, known && open == 0, at
	}
	return err
}

// countOpened finds out once where the count comes from: an old container may
// lack what the spec says of the new.
func (h *Host) countOpened(ctx context.Context, s *serving, now glance) (uint64, error) {
	c := &s.count
	if opened, holds := parseCount(now.file); holds {
		return opened, nil
	}
	c.file = ""
	if h.spec.CountField != "" && (!c.known || c.source == rollout.ServiceCount) {
		opened, err := h.askCount(ctx, s)
		if err != nil {
			return 0, err
		}
		if opened != nil {
			h.findCount(ctx, s, *opened)
			c.source, c.known = rollout.ServiceCount, true
			return *opened, nil
		}
		if c.known {
			return 0, fmt.Errorf("GET %s no longer answers with %q", h.spec.VersionPath, h.spec.CountField)
		}
	}
	c.known = true
	if s.host {
		c.source = rollout.Uncounted
		return 0, nil
	}
	c.source = rollout.KernelCount
	return now.passive, nil
}

// askCount asks the service for its count; nil where it has none. The published
// port is asked first, and whenever the container's own address does not answer.
func (h *Host) askCount(ctx context.Context, s *serving) (*uint64, error) {
	c := &s.count
	if c.address != "" {
		answer, _, err := h.askVersion(ctx, c.address)
		if err == nil && answer.count != nil {
			c.own++
			return answer.count, nil
		}
		c.address = ""
	}
	answer, _, err := h.askVersion(ctx, h.published())
	if err != nil {
		return nil, err
	}
	c.own++
	if answer.count != nil && !c.known {
		c.address = h.ownAddress(ctx, s)
	}
	return answer.count, nil
}

// ownAddress is the container's, where this instance's kernel is its neighbour;
// else empty. Asked there the service answers past the engine's proxy, a process
// that costs the instance a third of a question.
func (h *Host) ownAddress(ctx context.Context, s *serving) string {
	if len(s.endpoints) == 0 || s.host {
		return ""
	}
	data, err := h.conn.ReadFile(ctx, neighbours)
	if err != nil {
		return "" // it can be done without
	}
	for _, endpoint := range s.endpoints {
		if endpoint != nil && isNeighbour(data, endpoint.IPAddress, net.HardwareAddr(endpoint.MacAddress)) {
			return net.JoinHostPort(endpoint.IPAddress.String(), strconv.Itoa(s.port))
		}
	}
	return ""
}
