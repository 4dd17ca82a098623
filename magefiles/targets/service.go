package targets

import (
	"time"

	"github.com/growl-dev/deploy/remote/docker"
)

// service is growl-backend's container: the one description of it.
func service() docker.Spec {
	return docker.Spec{
		Name:          "growl-backend",
		HostPort:      8080,
		ContainerPort: 8080,
		// On the host, so that the log outlives containers.
		Mounts:  []docker.Mount{{Source: "/tmp/deployment-test", Target: "/tmp/deployment-test"}},
		EnvFile: "/etc/growl-backend/env",
		Restart: "always",
		// Named although it is the default: the engine takes any other signal to a
		// container that names none, the drain's too, as an end to its restart policy.
		StopSignal: "SIGTERM",
		// The service finishes requests in flight for at most 30 s.
		StopGrace:     30 * time.Second,
		HealthPath:    "/healthz",
		VersionPath:   "/version",
		CountField:    "connections",
		LabelPrefix:   "dev.growl",
		DrainSignal:   "SIGUSR1",
		UndrainSignal: "SIGUSR2",
	}
}
