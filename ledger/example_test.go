package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

func Example() {
	store := &ledgertest.Memory{} // for a real environment, see NewS3FromConfig
	book, err := ledger.Open(store, "app/dev", ledger.Options{})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	lease, err := book.Acquire(ctx, ledger.Holder{RunID: "run-1", Owner: "ann"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = book.Acquire(ctx, ledger.Holder{RunID: "run-2", Owner: "bob"})
	if held, ok := errors.AsType[*ledger.HeldError](err); ok {
		fmt.Println("refused, it is held by", held.Lease.Holder)
	}

	err = book.Claim(ctx, []string{"arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/app-dev/6d0ecf831eec9f09"}, lease.Holder())
	if err != nil {
		log.Fatal(err)
	}

	// The lease is the engine's journal: rollout.Config{Journal: lease, …}.
	err = lease.Record(ctx, rollout.Entry{Instance: "i-1", Step: rollout.StepDeregister, Mark: rollout.Begun})
	if err != nil {
		log.Fatal(err)
	}
	err = lease.Finish(ctx, rollout.Result{Run: "run-1", Environment: "dev", Outcome: rollout.Deployed})
	if err != nil {
		log.Fatal(err)
	}
	history, err := book.History(ctx, 10)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(history[0].Result.Run, history[0].Result.Outcome)
	// Output:
	// refused, it is held by run run-1 of ann
	// run-1 deployed
}

func ExampleNewS3FromConfig() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-west-1"))
	if err != nil {
		log.Fatal(err)
	}
	location, err := ledger.ParseLocation("s3://orders-state/ledger?region=eu-central-1")
	if err != nil {
		log.Fatal(err)
	}
	store, err := ledger.NewS3FromConfig(cfg, location)
	if err != nil {
		log.Fatal(err)
	}
	book, err := ledger.Open(store, "app/dev", ledger.Options{})
	if err != nil {
		log.Fatal(err)
	}
	status, err := book.Current(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if status.Running() {
		fmt.Println("held by", status.Lease.Holder, "until", status.Lease.Ends)
	}
}
