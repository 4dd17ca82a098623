package image_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/growl-dev/deploy/image"
)

func ExampleBuild() {
	built, err := image.Build(context.Background(), image.Options{Dir: "orders-api", Out: os.Stdout, Err: os.Stderr})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(built.Ref, built.Platform)
}
