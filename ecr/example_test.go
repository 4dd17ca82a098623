package ecr_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/growl-dev/deploy/ecr"
)

func ExampleRepository_Resolve() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	repository, err := ecr.NewFromConfig(cfg, "123456789012.dkr.ecr.us-west-1.amazonaws.com/growl-backend", ecr.Options{})
	if err != nil {
		log.Fatal(err)
	}
	image, err := repository.Resolve(ctx, "4f2a9c1e8b7d6a5f4e3d2c1b0a9f8e7d6c5b4a39")
	if errors.Is(err, ecr.ErrNotFound) {
		recent, _ := repository.Recent(ctx, 5)
		for _, image := range recent {
			fmt.Println(image.Names(), "pushed", image.PushedAt)
		}
		log.Fatal(err)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(repository.URI() + "@" + image.Digest)
}
