package engine

import (
	"net/http"
	"path"
	"runtime"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// The IDs of the two networks of an instance.
const (
	bridgeID = "b1d9e00000000000000000000000000000000000000000000000000000000000"
	hostID   = "4057000000000000000000000000000000000000000000000000000000000000"
)

// inspectView adds the fields of API 1.44 that the client's types no longer have.
type inspectView struct {
	container.InspectResponse
	NetworkSettings networkView
}

type networkView struct {
	container.NetworkSettings
	Bridge, Gateway, IPAddress, MacAddress string
	IPPrefixLen                            int
}

func (h *containerAPI) inspect(w http.ResponseWriter, r *http.Request) error {
	h.containers.mu.Lock()
	c, err := h.containers.find(r.PathValue("id"))
	if err != nil {
		h.containers.mu.Unlock()
		return err
	}
	view := c.view()
	h.containers.mu.Unlock()
	writeJSON(w, http.StatusOK, view)
	return nil
}

func (c *unit) view() inspectView {
	folder := path.Join("/var/lib/docker/containers", c.id)
	command, host, config := c.command(), c.host, c.config
	if host.NetworkMode == "" {
		host.NetworkMode = "default"
	}
	return inspectView{
		InspectResponse: container.InspectResponse{
			ID: c.id, Name: "/" + c.name, Created: c.created.Format(time.RFC3339Nano),
			Path: command[0], Args: append([]string{}, command[1:]...), State: c.state(), Image: c.image.id,
			ResolvConfPath: folder + "/resolv.conf", HostnamePath: folder + "/hostname", HostsPath: folder + "/hosts",
			LogPath:      folder + "/" + c.id + "-json.log",
			RestartCount: c.restarts, Driver: "overlay2", Platform: runtime.GOOS,
			HostConfig: &host, Config: &config, Mounts: c.mountPoints(),
		},
		NetworkSettings: c.networkView(),
	}
}

func (c *unit) state() *container.State {
	s := &container.State{
		Status: c.status, Running: c.running(), Restarting: c.status == container.StateRestarting,
		ExitCode: c.exitCode, Error: c.err, StartedAt: moment(c.started), FinishedAt: moment(c.finished),
	}
	if c.proc != nil {
		s.Pid = c.proc.PID()
	}
	if c.health != nil {
		health := *c.health
		health.Log = append([]*container.HealthcheckResult{}, health.Log...)
		s.Health = &health
	}
	return s
}

func moment(t time.Time) string { return t.Format(time.RFC3339Nano) }

func (c *unit) networkView() networkView {
	view := networkView{NetworkSettings: container.NetworkSettings{Ports: c.portMap(), Networks: c.endpoints()}}
	if c.proc != nil && !c.host.NetworkMode.IsHost() {
		view.IPAddress, view.Gateway, view.IPPrefixLen = c.addr.String(), wire.Gateway.String(), 16
	}
	return view
}

func (c *unit) endpoints() map[string]*network.EndpointSettings {
	if c.host.NetworkMode.IsHost() {
		return map[string]*network.EndpointSettings{"host": {NetworkID: hostID}}
	}
	bridge := &network.EndpointSettings{NetworkID: bridgeID}
	if c.proc != nil {
		bridge.EndpointID, bridge.IPAddress, bridge.Gateway, bridge.IPPrefixLen = c.id, c.addr, wire.Gateway, 16
	}
	return map[string]*network.EndpointSettings{"bridge": bridge}
}
