package sandbox

// growl is growl-backend, the service that most of these tests run.
func growl() Service {
	const logs = "/tmp/deployment-test"
	return Service{
		Name: "growl-backend", HostPort: 8080, HealthPath: "/healthz", VersionPath: "/version", CountField: "connections",
		CountFile: logs + "/connections", EnvFile: "/etc/growl-backend/env", Mounts: []Mount{{logs, logs}},
		DrainSignal: "SIGUSR1", UndrainSignal: "SIGUSR2", Program: "growl-backend", Env: map[string]string{"LOG_DIR": logs},
		Labels: map[string]string{"dev.growl.drain": "SIGUSR1", "dev.growl.undrain": "SIGUSR2", "dev.growl.connections": logs + "/connections"},
	}
}
