package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/growl-dev/deploy/rollout"
)

// Source returns the fleet of an environment. [File] reads it from a JSON file, and infra.Fleet from Terraform's
// outputs.
type Source interface {
	// Fleet reads the environment's fleet. It returns an error if the data describes another environment.
	Fleet(ctx context.Context, environment string) (Fleet, error)
}

// Fleet describes an environment to a deploy. Its JSON form is a fleet file, and each field has the name of the
// Terraform output that it is read from.
type Fleet struct {
	// Environment is the environment's name, such as dev. A fleet of another environment is refused, so that no file is
	// used for an environment that it does not describe.
	Environment string `json:"environment"`
	// Region is the AWS region of the instances and of the load balancer.
	Region string `json:"region"`
	// RegistryRegion is the AWS region of the image registry. Empty: Region.
	RegistryRegion string `json:"registry_region,omitempty"`
	// Repository is the image repository, HOST/NAME.
	Repository string `json:"repository"`
	// TargetGroups are the ARNs of the target groups that the instances are registered in. All belong to a Network Load
	// Balancer.
	TargetGroups []string `json:"target_groups"`
	// Instances are in the order in which they are updated.
	Instances []rollout.Instance `json:"instances"`
	// User is the user to log in as on the instances. Empty: ec2-user, as on Amazon Linux.
	User string `json:"user,omitempty"`
	// Alarms are the names of CloudWatch alarms that refuse and halt a deploy while they are in alarm.
	Alarms []string `json:"alarms,omitempty"`
	// HealthAlarms are the names of CloudWatch alarms that halt a deploy only if they go into alarm while it runs.
	HealthAlarms []string `json:"health_alarms,omitempty"`
	// ServicePort is the service's port on the instances. It is compared with the port that the container publishes.
	// Zero: it is not compared.
	ServicePort int `json:"service_port,omitempty"`
}

// Validate returns one error that names every field that is missing or holds a control character.
func (f Fleet) Validate() error {
	var faults []string
	missing := func(is bool, field string) {
		if is {
			faults = append(faults, field+" is missing")
		}
	}
	missing(f.Environment == "", "environment")
	missing(f.Region == "", "region")
	missing(f.Repository == "", "repository")
	missing(len(f.TargetGroups) == 0, "target_groups")
	missing(len(f.Instances) == 0, "instances")
	for n, i := range f.Instances {
		missing(i.ID == "", fmt.Sprintf("instances[%d].id", n))
		missing(i.Zone == "", fmt.Sprintf("instances[%d].zone", n))
		missing(i.Address == "", fmt.Sprintf("instances[%d].address", n))
	}
	if faults = append(faults, unprintable(f)...); len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}

// WithDefaults returns the fleet with its empty fields filled in.
func (f Fleet) WithDefaults() Fleet {
	f.RegistryRegion = cmp.Or(f.RegistryRegion, f.Region)
	return f
}
