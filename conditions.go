package deploy

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/growl-dev/deploy/alarm"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/internal/hosts"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
)

// conditions holds the release of a run, and the conditions under which it may begin and go on.
type conditions struct {
	hosts   *hosts.Fleet
	release rollout.Release
	// gates are checked before a run changes anything, and watches while a batch bakes and after it.
	gates, watches []rollout.Gate
	// refuseUnknown refuses a run if a target is registered that is not in the fleet.
	refuseUnknown bool
	// skipped are warnings about conditions that are not checked, and about files that were not read whole.
	skipped []string
}

func (c *conditions) skip(format string, args ...any) {
	c.skipped = append(c.skipped, fmt.Sprintf(format, args...))
}

// instanceConditions returns the conditions of everything that connects to the instances.
func (o *Operator) instanceConditions() (c conditions, err error) {
	if c.hosts, err = o.hosts(); err != nil {
		return c, err
	}
	c.skipped = c.hosts.Remarks
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

// rolloutConditions returns the conditions of everything that rolls a release out. inFlight are the instances that
// unfinished runs left out of service.
func (o *Operator) rolloutConditions(inFlight []string) (conditions, error) {
	c, err := o.instanceConditions()
	if err != nil {
		return c, err
	}
	if err := checkPort(o.fleet, o.service.Container); err != nil {
		return c, err
	}
	checked, ok := o.source.(fleet.Checked)
	switch {
	case !ok:
		return c, nil
	case o.options.SkipDrift:
		c.skip("-skipDrift: AWS was not compared with the code")
		return c, nil
	}
	gate, err := checked.Drift(o.name, fleet.DriftOptions{InFlight: inFlight, AllowEnv: o.options.AllowEnvDrift})
	c.gates = append(c.gates, gate)
	return c, err
}

// checkPort returns an error if the load balancer uses another port than the one that the container publishes. The two
// are declared in different places, because Terraform cannot read the declaration of the service.
func checkPort(f fleet.Fleet, container docker.Spec) error {
	made, declared := f.ServicePort, container.HostPort
	if made == 0 || made == declared {
		return nil
	}
	return fmt.Errorf("%s is made for a service at port %d (service_port of its Terraform variables or of its fleet file), and the container publishes port %d (HostPort of the service's Container): make HostPort %[2]d, because another service_port needs a new target group",
		f.Environment, made, declared)
}

// deployConditions adds the conditions of a deploy and a resume. They do not apply to a rollback or a heal, because
// these bring the service back.
func (o *Operator) deployConditions(inFlight []string) (conditions, error) {
	c, err := o.rolloutConditions(inFlight)
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
	err = c.addAlarms(o.aws, o.fleet, o.options.Alarms)
	return c, err
}

// addAlarms adds the alarms of the fleet and of the options. An alarm that is also named as a health alarm is treated
// as an alarm.
func (c *conditions) addAlarms(cfg aws.Config, f fleet.Fleet, more []string) error {
	names := slices.Concat(f.Alarms, more)
	isAlarm := func(name string) bool { return slices.Contains(names, name) }
	health := slices.DeleteFunc(slices.Clone(f.HealthAlarms), isAlarm)
	for n, of := range [][]string{names, health} {
		if len(of) == 0 {
			continue
		}
		alarms, err := alarm.NewFromConfig(cfg, of, alarm.Options{})
		if err != nil {
			return usage("%v", err)
		}
		var gate rollout.Gate = alarms
		if n == 1 {
			gate = alarm.NewHealth(alarms)
		}
		c.gates, c.watches = append(c.gates, gate), append(c.watches, gate)
	}
	return nil
}
