package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Config holds the settings and ports of a run. Journal, Gates, Guards, Watches and Observe may be left out.
type Config struct {
	// Environment is the name in reports.
	Environment string
	// ID names the run; empty: [NewID] makes one.
	ID string
	// Release is the image that every instance shall run.
	Release Release
	// Instances is the fleet, in the order in which it is rolled.
	Instances []Instance
	Policy    Policy
	Balancer  Balancer
	// Connect opens one instance. The run closes it.
	Connect func(context.Context, Instance) (Host, error)
	// Journal stores intents and outcomes. Nil: nothing is stored, so that Heal cannot repair what a killed
	// process left.
	Journal Journal
	// Gates are checked while images are pulled. Any of them can refuse the run.
	Gates []Gate
	// Guards are checked after each batch, when it has baked. Any of them can halt the
	// run, because the release may be the cause of what they find.
	Guards []Gate
	// Watches are guards that are checked while a batch bakes too, about every
	// Policy.Poll. What they find must not depend on how often they are checked.
	Watches []Gate
	// Port is the port that the service's container publishes on an instance. A run, and the plan of it, is refused if
	// an instance has no target on that port, because no traffic would reach the new container. Heal and Replace do
	// not compare it: they start no container by the present settings. Zero: not compared.
	Port int
	// RefuseUnknown refuses a run if a target that is not in the fleet is registered when it begins. Otherwise such
	// targets are named in the result only.
	RefuseUnknown bool
	// Register registers an instance also where it is not registered when the run begins: on the targets that somebody
	// deregistered, or, if it is in no group, in all of them on their default ports. Otherwise such an instance is updated,
	// named, and left out of the load balancer, because a target that somebody took out is not to be put back by a deploy.
	Register bool
	// ActedUntil is the time at which an earlier run may have registered targets last, by this machine's clock. Until the
	// routing lag has passed since, a target that is healthy may get no traffic yet, so it is no capacity. Zero: long ago.
	ActedUntil time.Time
	// Within is how long the run can act, because its credentials expire then. A run, and the plan of it, is refused if it is
	// forecast to take longer. Zero: for ever.
	Within time.Duration
	// Observe is called with every event, one at a time; nil: events are dropped.
	Observe func(Event)

	// jitter returns a random part of a duration; nil: by the global generator.
	// Only a test that needs the same run twice sets it.
	jitter func(time.Duration) time.Duration
	// stopwatch returns the time since it was called; nil: [newStopwatch]. Only a test sets it.
	stopwatch func() (elapsed func() time.Duration)
}

// validate returns every fault that would make a run impossible. It calls no port.
func (c Config) validate() error {
	faults := []error{c.Policy.Validate()}
	if len(c.Instances) == 0 {
		faults = append(faults, errors.New("the fleet has no instances"))
	}
	seen := map[string]bool{}
	for _, i := range c.Instances {
		switch {
		case i.ID == "":
			faults = append(faults, fmt.Errorf("instance at %q has no ID", i.Address))
		case seen[i.ID]:
			faults = append(faults, fmt.Errorf("instance %s is in the fleet twice", i.ID))
		}
		seen[i.ID] = true
	}
	if c.Port < 0 || c.Port > 65535 {
		faults = append(faults, fmt.Errorf("port %d is not between 1 and 65535", c.Port))
	}
	if c.Balancer == nil || c.Connect == nil {
		faults = append(faults, errors.New("a run needs a Balancer and a way to Connect"))
	}
	return errors.Join(faults...)
}
