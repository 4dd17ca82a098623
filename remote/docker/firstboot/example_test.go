package firstboot_test

import (
	"fmt"
	"log"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/remote/docker/firstboot"
)

func ExampleRender() {
	script, err := firstboot.Render(docker.Spec{Name: "orders-api", HostPort: 9000, HealthPath: "/ready"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.9s\n", script)
	// Output: #!/bin/sh
}
