// Command boot prints the script that starts orders-api on a new instance.
package main

import (
	"fmt"
	"log"

	"github.com/growl-dev/deploy/remote/docker/firstboot"

	"example.com/orders-api/more/orders"
)

func main() {
	script, err := firstboot.Render(orders.Service().WithDefaults().Container)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", script)
}
