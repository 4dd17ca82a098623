package nlb_test

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/growl-dev/deploy/nlb"
)

func ExampleNewFromConfig() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-west-1"))
	if err != nil {
		log.Fatal(err)
	}
	groups, err := nlb.NewFromConfig(cfg, []string{
		"arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/growl-backend-dev/6d0ecf831eec9f09",
	}, nlb.Options{})
	if err != nil {
		log.Fatal(err)
	}
	health, err := groups.Health(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(health.Of("i-0123456789abcdef0"))
}
