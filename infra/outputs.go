package infra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/growl-dev/deploy/rollout"
)

// Outputs is an environment as Terraform made it: what a rollout needs to know
// of its fleet.
type Outputs struct {
	// Environment is dev or prod.
	Environment string `json:"environment"`
	// Region is where instances and load balancer are.
	Region string `json:"region"`
	// RegistryRegion is where images are.
	RegistryRegion string `json:"registry_region"`
	// Repository is the image repository, HOST/NAME.
	Repository string `json:"repository"`
	// LoadBalancer is the address that clients use, HOST:PORT.
	LoadBalancer string `json:"load_balancer"`
	// TargetGroups are ARNs.
	TargetGroups []string           `json:"target_groups"`
	Instances    []rollout.Instance `json:"instances"`
	// User is who logs in on the instances. Empty: remote.DefaultUser, as on
	// Amazon Linux.
	User string `json:"user,omitempty"`
	// Alarms are CloudWatch alarms, by name, that a deploy asks. May be empty.
	Alarms []string `json:"alarms,omitempty"`
	// HealthAlarms are CloudWatch alarms, by name, that halt a deploy only if they go into alarm while it runs. May be
	// empty.
	HealthAlarms []string `json:"health_alarms,omitempty"`
	// ServicePort is the port of the service on the instances. Zero, as in a fleet file that leaves it out: it is not
	// compared.
	ServicePort int `json:"service_port,omitempty"`
}

// Outputs reads the environment's outputs from its state. It asks AWS for nothing
// else, so they are as old as the last apply: the drift gate tells whether they hold.
func (e *Environment) Outputs(ctx context.Context) (Outputs, error) {
	if err := e.ready(ctx, false); err != nil {
		return Outputs{}, err
	}
	read, err := e.quiet.Output(ctx)
	if err != nil {
		return Outputs{}, e.failed("read the outputs of", err)
	}
	values := map[string]json.RawMessage{}
	for name, output := range read {
		values[name] = output.Value
	}
	outputs, err := parseOutputs(values)
	if err == nil && outputs.Environment != e.name {
		err = fmt.Errorf("they describe %q", outputs.Environment)
	}
	if err != nil {
		return Outputs{}, fmt.Errorf("read the outputs of %s: %w: go tool mage infra:apply %s writes them anew", e.name, err, e.name)
	}
	return outputs, nil
}

// parseOutputs takes the fleet out of all outputs. Others are the configuration's own.
func parseOutputs(values map[string]json.RawMessage) (Outputs, error) {
	joined, err := json.Marshal(values)
	if err != nil {
		return Outputs{}, err
	}
	var outputs Outputs
	if err := json.Unmarshal(joined, &outputs); err != nil {
		return Outputs{}, err
	}
	return outputs, outputs.validate()
}

// validate names every field that is missing, or that would drive a terminal.
func (o Outputs) validate() error {
	var faults []error
	missing := func(is bool, field string) {
		if is {
			faults = append(faults, fmt.Errorf("%s is missing", field))
		}
	}
	missing(o.Environment == "", "environment")
	missing(o.Region == "", "region")
	missing(o.RegistryRegion == "", "registry_region")
	missing(o.Repository == "", "repository")
	missing(o.LoadBalancer == "", "load_balancer")
	missing(len(o.TargetGroups) == 0, "target_groups")
	missing(len(o.Instances) == 0, "instances")
	for n, i := range o.Instances {
		missing(i.ID == "", fmt.Sprintf("instances[%d].id", n))
		missing(i.Zone == "", fmt.Sprintf("instances[%d].zone", n))
		missing(i.Address == "", fmt.Sprintf("instances[%d].address", n))
	}
	return oneLine(errors.Join(append(faults, unprintable(o)...)...))
}
