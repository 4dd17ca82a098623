package rollout

import (
	"fmt"
	"slices"
	"strings"
)

// refusePort refuses a run that would leave an instance without a target on the port that the service's container
// publishes. Port 0 is not compared, and neither is an instance that is in no group and stays out. If an instance has targets on several ports, one of them has to be that port: the others may lead to
// something else, or to the same service with host networking. A target that somebody deregistered counts.
func refusePort(port int, us updates) error {
	if port == 0 {
		return nil
	}
	var order []string // of the places, as they were met
	astray := map[string][]string{}
	for _, u := range us {
		if len(u.registration.targets) == 0 || slices.ContainsFunc(slices.Concat(u.registration.targets, u.registration.absent), func(t Target) bool { return t.Port == port }) {
			continue
		}
		places, name := placesOf(u.registration.targets), u.instance.ID
		if len(u.registration.before) == 0 {
			name += " (in no group yet)"
		}
		if astray[places] == nil {
			order = append(order, places)
		}
		astray[places] = append(astray[places], name)
	}
	if len(order) == 0 {
		return nil
	}
	for i, places := range order {
		order[i] = fmt.Sprintf("%s on %s", firstFew(astray[places]), places)
	}
	return fmt.Errorf("no target is on port %d, which the service's container publishes: %s: set HostPort of the container to the targets' port, or register the instances on port %[1]d",
		port, strings.Join(order, ", "))
}

// placesOf lists the ports and groups of targets, such as "8080 in GROUP and 9090 in GROUP".
func placesOf(targets []Target) string {
	places := make([]string, len(targets))
	for i, t := range targets {
		places[i] = fmt.Sprintf("%d in %s", t.Port, t.Group)
	}
	return strings.Join(places, " and ")
}
