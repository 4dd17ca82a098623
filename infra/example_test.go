package infra_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/growl-dev/deploy/infra"
)

func ExampleGate() {
	env, err := infra.Open(infra.Options{
		Environment: "dev", Dir: "growl-backend/terraform", EnvFile: ".env.dev",
	})
	if err != nil {
		log.Fatal(err)
	}
	gate := &infra.Gate{Environment: env}
	switch err := gate.Check(context.Background()); {
	case errors.Is(err, infra.ErrDrift):
		fmt.Println("somebody changed AWS:", err)
	case errors.Is(err, infra.ErrNotApplied):
		fmt.Println("somebody changed the code:", err)
	case err != nil:
		log.Fatal(err)
	}
}

func ExampleRenderFirstBoot() {
	script, err := infra.RenderFirstBoot(infra.FirstBoot{
		Container: "growl-backend", ContainerPort: 8080,
		Restart: "always", LogSize: "10m", LogFiles: 3, StopGraceSeconds: 30,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.9s\n", script)
	// Output: #!/bin/sh
}
