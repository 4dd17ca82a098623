package engine

import (
	"io"
	"net/http"
	"runtime"

	"github.com/moby/moby/api/types/system"
)

func (e *Engine) ping(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache, no-store, must-revalidate")
	w.Header().Set("Pragma", "no-cache")
	w.Header().Set("Builder-Version", "1")
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, "OK")
	}
	return nil
}

func (e *Engine) version(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, system.VersionResponse{
		Platform: system.PlatformInfo{Name: "Sandbox Engine"},
		Version:  engineNumber, APIVersion: maxAPI, MinAPIVersion: minAPI,
		Os: runtime.GOOS, Arch: runtime.GOARCH, GoVersion: runtime.Version(),
		Components: []system.ComponentVersion{{Name: "Engine", Version: engineNumber, Details: map[string]string{
			"ApiVersion": maxAPI, "MinAPIVersion": minAPI, "Os": runtime.GOOS, "Arch": runtime.GOARCH,
			"GoVersion": runtime.Version(),
		}}},
	})
	return nil
}

func (e *Engine) info(w http.ResponseWriter, _ *http.Request) error {
	e.mu.Lock()
	running := 0
	for _, c := range e.containers {
		if c.running() {
			running++
		}
	}
	all := len(e.containers)
	e.mu.Unlock()
	info := system.Info{
		ID: e.opts.Name, Name: e.opts.Name, ServerVersion: engineNumber,
		Containers: all, ContainersRunning: running, ContainersStopped: all - running, Images: e.images.count(),
		Driver: "overlay2", LoggingDriver: "json-file", CgroupDriver: "none", CgroupVersion: "2",
		OperatingSystem: "Sandbox", OSType: runtime.GOOS, Architecture: machine(), NCPU: runtime.NumCPU(),
		MemTotal: 1 << 30, DockerRootDir: "/var/lib/docker", DefaultRuntime: "process", IndexServerAddress: "",
		Warnings: []string{"containers are processes of this machine: no isolation, no resource limits"},
	}
	writeJSON(w, http.StatusOK, info)
	return nil
}

// machine is the architecture as uname has it, which is what /info says.
func machine() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	default:
		return runtime.GOARCH
	}
}

// login answers `docker login`; who may pull is the registry's to say.
func (e *Engine) login(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]string{"Status": "Login Succeeded", "IdentityToken": ""})
	return nil
}

func (e *Engine) networks(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, []map[string]any{
		{"Name": "bridge", "Id": bridgeID, "Driver": "bridge", "Scope": "local"},
		{"Name": "host", "Id": hostID, "Driver": "host", "Scope": "local"},
	})
	return nil
}

// Disk is the instance's volume in bytes.
type Disk struct{ Total, Free uint64 }

const (
	diskTotal = 8 << 30
	diskBase  = 2 << 30 // what the system itself takes
	diskLeft  = 4 << 20 // what is left when it is full
)

// Disk models the instance's volume: 8 GiB, of which the system has two and
// the images what they weigh.
func (e *Engine) Disk() Disk {
	d := Disk{Total: diskTotal, Free: diskLeft}
	if used := uint64(diskBase) + e.images.bytes(); !e.faults.active(DiskFull, "") && used+diskLeft < diskTotal {
		d.Free = diskTotal - used
	}
	return d
}
