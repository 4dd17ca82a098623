// Program is the container process of a stand-in.
package main

import (
	"fmt"
	"os"

	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

func main() {
	if err := standin.Run(os.Args[1:], os.Getenv, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
