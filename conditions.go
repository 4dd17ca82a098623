package deploy

import (
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/alarm"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/internal/hosts"
	"github.com/growl-dev/deploy/rollout"
)

// conditions are what a run is to do, and what has to hold for it.
type conditions struct {
	hosts   *hosts.Fleet
	release rollout.Release
	// gates are asked before a run touches anything, and watches while a batch bakes and after it.
	gates, watches []rollout.Gate
	// refuseUnknown refuses a run if a target is registered that is not in the fleet.
	refuseUnknown bool
	// skipped are warnings: conditions that are not asked for.
	skipped []string
}

func (c *conditions) skip(format string, args ...any) {
	c.skipped = append(c.skipped, fmt.Sprintf(format, args...))
}

// sealed are the conditions of everything that connects to the instances.
func (o *Operator) sealed() (c conditions, err error) {
	if c.hosts, err = o.hosts(); err != nil {
		return c, err
	}
	checked, ok := o.source.(fleet.Checked)
	switch {
	case !ok:
		return c, nil
	case o.options.AllowEnvDrift:
		c.skip("-allowEnvDrift: instances may run with an env file that is not the sealed one")
		return c, nil
	}
	c.hosts.Seal, err = checked.Seal(o.name)
	return c, err
}

// guarded are the conditions of what rolls a release out. inFlight are the instances that dead runs left out.
func (o *Operator) guarded(inFlight []string) (conditions, error) {
	c, err := o.sealed()
	if err != nil {
		return c, err
	}
	if err := o.checkPort(); err != nil {
		return c, err
	}
	checked, ok := o.source.(fleet.Checked)
	switch {
	case !ok:
		return c, nil
	case o.options.SkipDrift:
		c.skip("-skipDrift: nobody looked whether AWS is as the code says")
		return c, nil
	}
	gate, err := checked.Drift(o.name, fleet.DriftOptions{InFlight: inFlight, AllowEnv: o.options.AllowEnvDrift})
	c.gates = append(c.gates, gate)
	return c, err
}

// checkPort refuses a fleet whose load balancer uses another port than the one that the container publishes. Each has
// one place, and Terraform cannot read the declaration.
func (o *Operator) checkPort() error {
	made, declared := o.fleet.ServicePort, o.service.Container.HostPort
	if made == 0 || made == declared {
		return nil
	}
	return fmt.Errorf("%s is made for a service at port %d (service_port of its Terraform variables or of its fleet file), and the container publishes port %d (HostPort of the service's Container): make HostPort %[2]d, because another service_port needs a new target group",
		o.name, made, declared)
}

// judged adds what refuses a deploy and a resume, but neither a rollback nor a heal, because these bring service back.
func (o *Operator) judged(inFlight []string) (conditions, error) {
	c, err := o.guarded(inFlight)
	if err != nil {
		return c, err
	}
	c.refuseUnknown = !o.options.AllowUnknownTargets
	if o.options.AllowUnknownTargets {
		c.skip("-allowUnknownTargets: targets that are not in the fleet may be registered")
	}
	if o.options.SkipAlarms {
		c.skip("-skipAlarms: no CloudWatch alarm can refuse or halt the run")
		return c, nil
	}
	return o.alarmed(c)
}

// alarmed adds the alarms of the fleet and of the options. One that is named both as an alarm and as a health alarm is an
// alarm.
func (o *Operator) alarmed(c conditions) (conditions, error) {
	names := slices.Concat(o.fleet.Alarms, o.options.Alarms)
	isAlarm := func(name string) bool { return slices.Contains(names, name) }
	health := slices.DeleteFunc(slices.Clone(o.fleet.HealthAlarms), isAlarm)
	for n, of := range [][]string{names, health} {
		if len(of) == 0 {
			continue
		}
		alarms, err := alarm.NewFromConfig(o.aws, of, alarm.Options{})
		if err != nil {
			return c, usage("%v", err)
		}
		var gate rollout.Gate = alarms
		if n == 1 {
			gate = alarm.NewHealth(alarms)
		}
		c.gates, c.watches = append(c.gates, gate), append(c.watches, gate)
	}
	return c, nil
}
