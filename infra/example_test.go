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
		Environment: "dev", Dir: "growl-backend/terraform", EnvFile: infra.ConventionalEnvFile("", "dev"),
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
