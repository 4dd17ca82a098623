package docker_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
)

func ExampleOpen() {
	ctx := context.Background()
	connection, err := remote.Dial(ctx, remote.Config{
		Name: "i-0123456789abcdef0", Address: "10.0.1.17", KnownHosts: []string{"known_hosts"},
	})
	if err != nil {
		log.Fatal(err)
	}
	host, err := docker.Open(ctx, connection, docker.Options{
		InstanceID: "i-0123456789abcdef0",
		Spec: docker.Spec{
			Name: "growl-backend", HostPort: 80, ContainerPort: 8080,
			EnvFile:     "/home/ec2-user/.env",
			Mounts:      []docker.Mount{{Source: "/tmp/deployment-test", Target: "/tmp/deployment-test"}},
			VersionPath: "/version", CountField: "connections",
			DrainSignal: "SIGUSR1", UndrainSignal: "SIGUSR2",
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer host.Close()
	release := rollout.Release{Image: "123456789012.dkr.ecr.us-west-1.amazonaws.com/growl@sha256:…"}
	err = host.Prepare(ctx, release, func(p rollout.Progress) { fmt.Printf("%d of %d bytes\n", p.Done, p.Total) })
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleParseEnvFile() {
	variables, err := docker.ParseEnvFile(strings.NewReader("# comment\nPORT=8080\nNAME=\"quotes stay\"\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Join(variables, "\n"))
	// Output:
	// PORT=8080
	// NAME="quotes stay"
}
