package sandbox_test

import (
	"context"
	"fmt"
	"log"

	"github.com/growl-dev/deploy/sandbox"
)

func ExampleStart() {
	e, err := sandbox.Start(context.Background(), sandbox.Options{Instances: 3})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	for _, variable := range e.Env() {
		fmt.Println(variable)
	}
	if err := e.Fault("bad-image"); err != nil {
		log.Fatal(err)
	}
}
