package engine

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
)

func (h *containerAPI) list(w http.ResponseWriter, r *http.Request) error {
	f, err := parseFilters(r, "name", "label", "status")
	if err != nil {
		return err
	}
	all := flag(r, "all") || len(f["status"]) > 0
	h.containers.mu.Lock()
	defer h.containers.mu.Unlock()
	list := []container.Summary{}
	for _, c := range h.containers.newestFirst() {
		if (all || c.running()) && c.matches(f) {
			list = append(list, c.summary())
		}
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

func (c *unit) matches(f filters) bool {
	return f.matchLabels(c.config.Labels) &&
		f.match("name", func(v string) bool { return matchesName(v, c.name) }) &&
		f.match("status", func(v string) bool { return string(c.status) == v })
}

// matchesName matches the name against a regular expression, as Docker does.
func matchesName(pattern, name string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && (re.MatchString(name) || re.MatchString("/"+name))
}

func (c *unit) summary() container.Summary {
	s := container.Summary{
		ID: c.id, Names: []string{"/" + c.name}, Image: c.config.Image, ImageID: c.image.id,
		Command: strings.Join(c.command(), " "), Created: c.created.Unix(), Ports: c.portSummaries(),
		Labels: c.config.Labels, State: c.status, Status: c.statusLine(time.Now()), Mounts: c.mountPoints(),
		NetworkSettings: &container.NetworkSettingsSummary{Networks: c.endpoints()},
	}
	s.HostConfig.NetworkMode = string(c.host.NetworkMode)
	return s
}

func (c *unit) portSummaries() []container.PortSummary {
	ports := []container.PortSummary{}
	if c.proc == nil || c.host.NetworkMode.IsHost() {
		return ports
	}
	for _, b := range c.bound {
		p := container.PortSummary{PrivatePort: uint16(b.port), Type: "tcp"}
		if b.host != 0 {
			p.PublicPort, p.IP = uint16(b.host), b.ip
			if !p.IP.IsValid() {
				p.IP = netip.IPv4Unspecified()
			}
		}
		ports = append(ports, p)
	}
	return ports
}

// statusLine returns the status as `docker ps` prints it.
func (c *unit) statusLine(now time.Time) string {
	switch c.status {
	case container.StateRunning:
		line := "Up " + ago(now.Sub(c.started))
		switch c.healthStatus() {
		case container.NoHealthcheck:
		case container.Starting:
			line += " (health: starting)"
		default:
			line += fmt.Sprintf(" (%s)", c.healthStatus())
		}
		return line
	case container.StateRestarting:
		return fmt.Sprintf("Restarting (%d) %s ago", c.exitCode, ago(now.Sub(c.finished)))
	case container.StateExited:
		return fmt.Sprintf("Exited (%d) %s ago", c.exitCode, ago(now.Sub(c.finished)))
	default:
		return "Created"
	}
}

// ago returns a duration as `docker ps` prints it.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "Less than a second"
	case d < 2*time.Second:
		return "1 second"
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Minute:
		return "About a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 2*time.Hour:
		return "About an hour"
	default:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
}
