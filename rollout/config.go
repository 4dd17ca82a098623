package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Config is all that a run needs. Journal, Gates, Guards, Watches and Observe may be left out.
type Config struct {
	// Environment is the name in reports.
	Environment string
	// ID names the run; empty: one is made of the time and a random part.
	ID string
	// Release is what every instance shall run.
	Release Release
	// Instances is the fleet, in the order in which it is rolled.
	Instances []Instance
	Policy    Policy
	Balancer  Balancer
	// Connect opens one instance. The run closes it.
	Connect func(context.Context, Instance) (Host, error)
	// Journal takes intents and outcomes. Nil: a process that is killed leaves no trace,
	// and nothing for Heal to read.
	Journal Journal
	// Gates are asked while images are pulled; any of them refuses the run.
	Gates []Gate
	// Guards are asked after each batch, when it has baked. Any of them halts the
	// run: what they see may be the release's doing.
	Guards []Gate
	// Watches are guards that are asked while a batch bakes too, about every
	// Policy.Poll: what they see must not depend on how often they are asked.
	Watches []Gate
	// Port is the port that the service's container publishes on an instance. A run, and the plan of it, is refused if
	// an instance has no target on that port, because no traffic would reach the new container. Heal and Replace do
	// not compare it: they start no container by the present settings. Zero: not compared.
	Port int
	// RefuseUnknown refuses a run if a target that is not in the fleet is registered when it begins. Otherwise such
	// targets are named in the result only.
	RefuseUnknown bool
	// Observe is told every event, one at a time; nil: nobody.
	Observe func(Event)

	// jitter answers a random part of a duration; nil: by the global generator.
	// Only a test that wants the same run twice sets it.
	jitter func(time.Duration) time.Duration
}

// validate reports everything that would make a run impossible before the
// world is asked anything.
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
