package remote_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/growl-dev/deploy/remote"
)

func ExampleDial() {
	client, err := remote.Dial(context.Background(), remote.Config{
		Name:       "i-0123456789abcdef0",
		Address:    "10.0.1.17",
		KeyFile:    "/home/me/.ssh/deploy",
		KnownHosts: []string{"/home/me/.ssh/known_hosts"},
		Jump:       []remote.Hop{{Address: "bastion.example.com"}},
	})
	if errors.Is(err, remote.ErrHostKeyUnknown) {
		log.Fatal(err) // names the fingerprint, the file and the ssh-keyscan line
	}
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	id, err := client.ReadFile(context.Background(), "/var/lib/cloud/data/instance-id")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", id)
}
