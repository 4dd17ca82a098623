package targets

import "fmt"

// checkPort refuses a fleet whose load balancer uses another port than the one that
// the container publishes. Each has one place, and Terraform cannot read the Go one.
func (w *world) checkPort(environment string) error {
	if w.fleet.ServicePort == 0 || w.fleet.ServicePort == w.spec.HostPort {
		return nil
	}
	return fmt.Errorf("%s is made for a service at port %d (service_port of its Terraform variables or of its fleet file), and the container publishes port %d (HostPort in magefiles/targets/service.go): make HostPort %[2]d, because another service_port needs a new target group",
		environment, w.fleet.ServicePort, w.spec.HostPort)
}
