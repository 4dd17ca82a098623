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
	all, running := e.containers.count()
	info := system.Info{
		ID: e.name, Name: e.name, ServerVersion: engineNumber,
		Containers: all, ContainersRunning: running, ContainersStopped: all - running, Images: e.images.count(),
		Driver: "overlay2", LoggingDriver: "json-file", CgroupDriver: "none", CgroupVersion: "2",
		OperatingSystem: "Sandbox", OSType: runtime.GOOS, Architecture: machine(), NCPU: runtime.NumCPU(),
		MemTotal: 1 << 30, DockerRootDir: "/var/lib/docker", DefaultRuntime: "process", IndexServerAddress: "",
		Warnings: []string{"containers are processes of this machine: no isolation, no resource limits"},
	}
	writeJSON(w, http.StatusOK, info)
	return nil
}

// machine returns the architecture under the name that uname prints, because /info uses that name.
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

// login accepts any `docker login`, because the registry alone decides who may pull.
func (e *Engine) login(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]string{"Status": "Login Succeeded", "IdentityToken": ""})
	return nil
}

// Disk is the size and the free space of the instance's volume, in bytes.
type Disk struct{ Total, Free uint64 }

const (
	diskTotal = 8 << 30
	diskBase  = 2 << 30 // used by the system itself
	diskLeft  = 4 << 20 // still free on a full disk
)

// diskOf models the instance's volume: 8 GiB, of which the system uses two and each image as many bytes as its
// unpacked files have. A full disk has 4 MiB left.
func diskOf(images *images, faults *faults) Disk {
	d := Disk{Total: diskTotal, Free: diskLeft}
	if used := uint64(diskBase) + images.bytes(); !faults.diskFull.Load() && used+diskLeft < diskTotal {
		d.Free = diskTotal - used
	}
	return d
}
