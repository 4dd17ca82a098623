package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"github.com/growl-dev/deploy/rollout"
)

// samplerConn is the part of a [Conn] that a sampler needs.
type samplerConn interface {
	ReadFile(ctx context.Context, path string) ([]byte, error)
	Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error
}

// sampler counts the connections of one container while it runs as one process. A sample reads everything again:
// which connections are open, and how many were opened. If either cannot be read, the sample fails.
type sampler struct {
	conn        samplerConn
	service     service
	process     int    // the container's first process, by its number on the instance
	port        int    // the service's, inside the container
	hostNetwork bool   // the container shares the network of the instance
	countFile   string // where the instance has the service's count file; empty if no mount holds it

	source countSource
}

// countSource is what a sampler reads the number of opened connections from. The first sample that succeeds decides,
// because a container of an older release may lack the count that the spec describes.
type countSource int

const (
	countUndecided   countSource = iota
	countFromFile                // the service's own count, in its count file
	countFromService             // the service's own count, from its version path
	countFromKernel              // the kernel's PassiveOpens, which include health checks
	countFromNobody              // host networking: the kernel's counter would include the whole instance
)

// sample counts open connections first, because the request to the service is a connection too.
func (s *sampler) sample(ctx context.Context) (rollout.Traffic, error) {
	open, err := s.countOpen(ctx)
	if err != nil {
		return rollout.Traffic{}, err
	}
	opened, err := s.countOpened(ctx)
	if err != nil {
		return rollout.Traffic{}, err
	}
	return rollout.Traffic{Open: open, Opened: opened, Source: s.source.reported()}, nil
}

func (c countSource) reported() rollout.Source {
	switch c {
	case countFromFile, countFromService:
		return rollout.ServiceCount
	case countFromKernel:
		return rollout.KernelCount
	}
	return rollout.Uncounted
}

// countOpen counts the connections that clients have open, in both tables of the kernel. An instance without IPv6 has
// no tcp6. That table is read before the other, so that a process which ends in between is noticed: then tcp is
// missing too.
func (s *sampler) countOpen(ctx context.Context) (int, error) {
	open6, err := s.countTable(ctx, "tcp6")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	open4, err := s.countTable(ctx, "tcp")
	return open6 + open4, err
}

func (s *sampler) countTable(ctx context.Context, name string) (int, error) {
	path := s.networkFile(name)
	data, err := s.conn.ReadFile(ctx, path)
	if err != nil {
		return 0, err
	}
	open, err := parseOpen(data, s.port)
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", path, err)
	}
	return open, nil
}

// networkFile returns the path of a file that describes the container's network.
func (s *sampler) networkFile(name string) string {
	return fmt.Sprintf("/proc/%d/net/%s", s.process, name)
}

// countOpened returns how many connections were opened since the container started. If the count file can no longer
// be read, the service is asked instead, from then on.
func (s *sampler) countOpened(ctx context.Context) (uint64, error) {
	switch s.source {
	case countUndecided:
		return s.decide(ctx)
	case countFromFile:
		if opened, err := s.readCountFile(ctx); err == nil {
			return opened, nil
		}
		opened, err := s.askService(ctx)
		if err == nil {
			s.source = countFromService
		}
		return opened, err
	case countFromService:
		return s.askService(ctx)
	case countFromKernel:
		return s.readPassiveOpens(ctx)
	default:
		return 0, nil
	}
}

// decide chooses the source of the count. The service is asked before the kernel's counter is read for the first
// time, so that every reading of the counter includes that one request and no difference of two does.
func (s *sampler) decide(ctx context.Context) (uint64, error) {
	if s.service.spec.CountField != "" {
		answer, _, err := s.service.version(ctx)
		if err != nil {
			return 0, err
		}
		if answer.count != nil {
			s.source = countFromService
			if s.countFileHolds(ctx, *answer.count) {
				s.source = countFromFile
			}
			return *answer.count, nil
		}
	}
	if s.hostNetwork {
		s.source = countFromNobody
		return 0, nil
	}
	opened, err := s.readPassiveOpens(ctx)
	if err == nil {
		s.source = countFromKernel
	}
	return opened, err
}

// countFileHolds reports whether the count file has at least the count that the service answered with just before. A
// file with less was left behind by an earlier container.
func (s *sampler) countFileHolds(ctx context.Context, answered uint64) bool {
	if s.countFile == "" {
		return false
	}
	held, err := s.readCountFile(ctx)
	return err == nil && held >= answered
}

func (s *sampler) askService(ctx context.Context) (uint64, error) {
	answer, _, err := s.service.version(ctx)
	if err != nil {
		return 0, err
	}
	if answer.count == nil {
		return 0, fmt.Errorf("GET %s no longer answers with %q", s.service.spec.VersionPath, s.service.spec.CountField)
	}
	return *answer.count, nil
}

// readCountFile never puts the file's content into an error, because the service may name any file.
func (s *sampler) readCountFile(ctx context.Context) (uint64, error) {
	data, err := s.conn.ReadFile(ctx, s.countFile)
	if err != nil {
		return 0, err
	}
	count, err := strconv.ParseUint(string(bytes.TrimSpace(data)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse %s: it holds no count", s.countFile)
	}
	return count, nil
}

func (s *sampler) readPassiveOpens(ctx context.Context) (uint64, error) {
	path := s.networkFile("snmp")
	data, err := s.conn.ReadFile(ctx, path)
	if err != nil {
		return 0, err
	}
	opened, err := parsePassiveOpens(data)
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", path, err)
	}
	return opened, nil
}
