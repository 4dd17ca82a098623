package docker_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

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
		Log: docker.Log{MaxSize: "big", MaxFile: -1}, StopSignal: "TERM", StopGrace: -1,
		HealthPath: "healthz", CountField: "n", DrainSignal: "SIGUSR1",
		Labels: map[string]string{"internal.deploy.x": ""}, Keep: -1, MinFreeBytes: -1, MemoryLimit: 1 << 20,
	}.Validate()
	for _, fault := range []string{
		`name "-"`, "host_port 70000", "container_port -1", "host networking", `source "rel"`, `target "/" is`,
		`"/b/" is given twice`, `"A B"`, `env_file "rel"`, `"sometimes"`, `"big"`, "max_file", `"TERM"`, "stop_grace -1ns",
		"health_path", "count_field", "need each other", "internal.deploy.x", "keep -1", "min_free_bytes", "memory_limit 1048576 is below",
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
	spec := docker.Spec{Name: "svc", HostPort: 80, ContainerPort: 8080, Mounts: []docker.Mount{{Source: "/a", Target: "/b", ReadOnly: true}}, StopGrace: 90 * time.Second, LabelPrefix: "com.example", Keep: 2}
	data, err := json.Marshal(spec)
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"svc","host_port":80,"container_port":8080,"mounts":[{"source":"/a","target":"/b","read_only":true}],"stop_grace":"1m30s","label_prefix":"com.example","keep":2}`, string(data))
	var back docker.Spec
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&back))
	require.Equal(t, spec, back)

	data, err = json.Marshal(docker.Spec{Name: "svc"})
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"svc","host_port":0}`, string(data))
	for text, want := range map[string]string{
		`{"stop_grace":30}`: "stop_grace", `{"stop_grace":"30"}`: "missing unit", `{"stop_grace_seconds":30}`: "unknown field",
	} {
		require.ErrorContains(t, json.Unmarshal([]byte(text), &back), want, text)
	}
}

func TestSpecStopGrace(t *testing.T) {
	for grace, fault := range map[time.Duration]string{
		0: "", time.Second: "", 45 * time.Second: "",
		-time.Second: "1s or more", time.Second / 2: "takes no fractions", 1500 * time.Millisecond: "takes no fractions",
		46 * time.Second: "stop_grace 46s is longer than 45s: stopping is part of an act of a rollout, which takes 55s at most",
	} {
		err := docker.Spec{Name: "svc", HostPort: 80, ContainerPort: 80, StopGrace: grace}.Validate()
		if fault == "" {
			require.NoError(t, err, grace)
		} else {
			require.ErrorContains(t, err, fault, grace)
		}
	}
}

func TestSpecLabelPrefix(t *testing.T) {
	for prefix, good := range map[string]bool{
		"": true, "dev.growl": true, "com.example.orders-api": true, "com.example.2": true,
		"com.example.": false, ".com": false, "com..example": false, "com.-example": false, "Com.example": false, "com example": false,
		"com.docker": false, "io.docker.x": false, "io.dockers": true,
	} {
		err := docker.Spec{Name: "svc", HostPort: 80, ContainerPort: 80, LabelPrefix: prefix}.Validate()
		require.Equal(t, good, err == nil, "%q: %v", prefix, err)
	}
	require.Equal(t, "internal.deploy.drain", docker.Spec{}.Label(docker.LabelDrain))
	require.Equal(t, "dev.growl.release", docker.Spec{LabelPrefix: "dev.growl"}.Label(docker.LabelRelease))
	foreign := docker.Spec{Name: "svc", HostPort: 80, ContainerPort: 80, LabelPrefix: "com.example", Labels: map[string]string{"internal.deploy.x": ""}}
	require.NoError(t, foreign.Validate(), "only the spec's own prefix is the deployer's")
}
