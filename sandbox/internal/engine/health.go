package engine

import (
	"bytes"
	"context"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/growl-dev/deploy/sandbox/internal/engine/process"
)

// Docker's defaults for health checks (moby, daemon/health.go).
const (
	defaultProbeInterval = 30 * time.Second
	defaultProbeTimeout  = 30 * time.Second
	defaultStartInterval = 5 * time.Second
	defaultProbeRetries  = 3
	maxProbeLog          = 5
	maxProbeOutput       = 4096
	// loopbackProbePort stands for the port a probe's connection comes from.
	loopbackProbePort = 40000
)

func (c *unit) healthStatus() container.HealthStatus {
	if c.health == nil {
		return container.NoHealthcheck
	}
	return c.health.Status
}

// probeCommand returns the command of the health check, or nil if the container has none.
func (c *unit) probeCommand() []string {
	h := c.config.Healthcheck
	if h == nil || len(h.Test) < 2 {
		return nil
	}
	switch h.Test[0] {
	case "CMD":
		return h.Test[1:]
	case "CMD-SHELL":
		shell := c.config.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(append([]string{}, shell...), h.Test[1:]...)
	default:
		return nil
	}
}

// watchHealth starts the health checks of a container whose process was just started. The caller holds the lock of the
// containers.
func (s *supervisor) watchHealth(c *unit) {
	ctx, cancel := context.WithCancel(s.ctx)
	c.stopHealth = cancel
	c.health = nil
	command := c.probeCommand()
	if len(command) == 0 {
		return
	}
	c.health = &container.Health{Status: container.Starting}
	h := *c.config.Healthcheck
	s.tasks.Go(func() { s.probeLoop(ctx, c, c.proc, command, h) })
}

// probeLoop probes the container at its interval until ctx ends.
func (s *supervisor) probeLoop(ctx context.Context, c *unit, proc Program, command []string, h container.HealthConfig) {
	begun := time.Now()
	for {
		pause := orDuration(h.Interval, defaultProbeInterval)
		if time.Since(begun) < h.StartPeriod {
			pause = min(pause, orDuration(h.StartInterval, defaultStartInterval))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		result := s.probe(ctx, c, command, orDuration(h.Timeout, defaultProbeTimeout))
		s.containers.mu.Lock()
		if ctx.Err() == nil && c.proc == proc {
			c.noteProbe(result, h, time.Since(begun) < h.StartPeriod)
			c.touch()
		}
		s.containers.mu.Unlock()
	}
}

// noteProbe adds a result to the container's health. The caller holds the lock of the containers.
func (c *unit) noteProbe(result *container.HealthcheckResult, h container.HealthConfig, starting bool) {
	health := c.health
	health.Log = append(health.Log, result)
	if len(health.Log) > maxProbeLog {
		health.Log = health.Log[1:]
	}
	if result.ExitCode == 0 {
		health.FailingStreak, health.Status = 0, container.Healthy
		return
	}
	if starting && health.Status == container.Starting {
		return // failures of the start period do not count
	}
	retries := h.Retries
	if retries == 0 {
		retries = defaultProbeRetries
	}
	if health.FailingStreak++; health.FailingStreak >= retries {
		health.Status = container.Unhealthy
	}
}

// probe runs the command once, as a program of the container. While it runs, the container's network shows one
// connection to each port over the loopback address, because health checks do that.
func (s *supervisor) probe(ctx context.Context, c *unit, command []string, timeout time.Duration) *container.HealthcheckResult {
	result := &container.HealthcheckResult{Start: time.Now(), ExitCode: -1}
	defer func() { result.End = time.Now() }()
	s.containers.mu.Lock()
	cmd, err := s.commandOf(c, command)
	for _, b := range c.bound {
		defer c.stack.Probe(b.port, loopbackProbePort)()
	}
	s.containers.mu.Unlock()
	if err != nil {
		result.Output = err.Error()
		return result
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	proc, err := process.Start(cmd)
	if err != nil {
		result.Output = startError(command[0], err).Error()
		return result
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-proc.Done():
		result.ExitCode, result.Output = proc.ExitCode(), clip(output.String())
		return result
	case <-timer.C:
		result.Output = "Health check exceeded timeout (" + timeout.String() + ")"
	case <-ctx.Done():
	}
	_ = proc.Kill()
	<-proc.Done()
	return result
}

func clip(s string) string {
	if len(s) > maxProbeOutput {
		return s[:maxProbeOutput]
	}
	return s
}
