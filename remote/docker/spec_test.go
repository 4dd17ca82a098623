package docker_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/stretchr/testify/require"
)

func TestSpecValidate(t *testing.T) {
	good := docker.Spec{Name: "svc", HostPort: 80, ContainerPort: 8080}
	require.NoError(t, good.Validate())
	err := docker.Spec{
		Name: "-", HostPort: 70000, ContainerPort: -1, Network: "host",
		Mounts: []docker.Mount{{Source: "rel", Target: "/"}, {Source: "/a", Target: "/b"}, {Source: "/c", Target: "/b/"}},
		Env:    map[string]string{"A B": "x"}, EnvFile: "rel", Restart: "sometimes",
		Log: docker.Log{MaxSize: "big", MaxFile: -1}, StopSignal: "TERM", StopGraceSeconds: -1,
		HealthPath: "healthz", CountField: "n", DrainSignal: "SIGUSR1",
		Labels: map[string]string{"dev.growl.x": ""}, Keep: -1, MinFreeBytes: -1,
	}.Validate()
	for _, fault := range []string{
		`name "-"`, "host_port 70000", "container_port -1", "host networking", `source "rel"`, `target "/" is`,
		`"/b/" is given twice`, `"A B"`, `env_file "rel"`, `"sometimes"`, `"big"`, "max_file", `"TERM"`, "stop_grace_seconds",
		"health_path", "count_field", "need each other", "dev.growl.x", "keep -1", "min_free_bytes",
	} {
		require.ErrorContains(t, err, fault)
	}
	_, err = docker.Open(t.Context(), nil, docker.Options{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
}

func TestSpecRestart(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, "no": true, "always": true, "unless-stopped": true, "on-failure": true, "on-failure:3": true,
		"always:3": false, "on-failure:x": false, "on-failure:-1": false, ":3": false,
	} {
		err := docker.Spec{Name: "svc", HostPort: 80, ContainerPort: 80, Restart: text}.Validate()
		require.Equal(t, good, err == nil, text)
	}
}

func TestSpecJSON(t *testing.T) {
	spec := docker.Spec{Name: "svc", HostPort: 80, ContainerPort: 8080, Mounts: []docker.Mount{{Source: "/a", Target: "/b", ReadOnly: true}}, Keep: 2}
	data, err := json.Marshal(spec)
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"svc","host_port":80,"container_port":8080,"mounts":[{"source":"/a","target":"/b","read_only":true}],"keep":2}`, string(data))
	var back docker.Spec
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&back))
	require.Equal(t, spec, back)
}
