package deploy_test

import (
	"context"
	"fmt"
	"os"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/sandbox"
)

// A program deploys, prints the error if there is one, and ends with the documented exit code. The options are those of a
// sandbox here; a real program needs Signals and Out, and an SSH key.
func ExampleRun() {
	ctx := context.Background()
	env, err := sandbox.Start(ctx, sandbox.Options{
		Service:     sandbox.Service{Name: "orders-api", HostPort: 9000, HealthPath: "/ready"},
		Environment: "staging", Region: "eu-central-1", Bucket: "orders-state", Instances: 2, Factor: 60, Hollow: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer env.Close()
	orders := deploy.Service{
		Name:      "orders-api",
		Container: docker.Spec{HostPort: 9000, HealthPath: "/ready"},
		Ledger:    "s3://orders-state/ledger?region=eu-central-1",
		Environments: map[string]deploy.Environment{
			"staging": {Fleet: fleet.File(env.FleetFile)},
		},
	}

	result, err := deploy.Run(ctx, orders, "staging", env.V2, optionsOf(env))
	fmt.Println("exit code", deploy.Exit(os.Stdout, result, err))
	fmt.Println(result.Outcome, len(result.Instances), "instances")
	// Output:
	// exit code 0
	// deployed 2 instances
}

// An operator does what people do in an environment. A plan changes nothing.
func ExampleOpen() {
	ctx := context.Background()
	env, err := sandbox.Start(ctx, sandbox.Options{
		Service:     sandbox.Service{Name: "orders-api", HostPort: 9000, HealthPath: "/ready"},
		Environment: "staging", Region: "eu-central-1", Bucket: "orders-state", Instances: 2, Factor: 60, Hollow: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer env.Close()

	operator, err := deploy.Open(ctx, orders(), "staging", optionsOf(env))
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := operator.Plan(ctx, env.V2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("a deploy has", len(plan.Batches), "batches")
	status, err := operator.Status(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range status.Instances {
		fmt.Println(i.Instance.Name, i.Health, i.State.Release.Commit == env.V1)
	}
	// Output:
	// a deploy has 2 batches
	// orders-api-1 healthy true
	// orders-api-2 healthy true
}
