package targets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/growl-dev/deploy/rollout"
)

// Fleet is what an environment is made of, in the shape of its Terraform outputs.
type Fleet struct {
	// Environment is dev or prod: it keeps one environment's file from being
	// used for the other.
	Environment string `json:"environment"`
	// Region is where instances and load balancer are.
	Region string `json:"region"`
	// RegistryRegion is where images are; empty: Region.
	RegistryRegion string `json:"registry_region"`
	// Repository is the image repository, HOST/NAME.
	Repository string `json:"repository"`
	// LoadBalancer is the address that clients use.
	LoadBalancer string `json:"load_balancer"`
	// TargetGroups are ARNs.
	TargetGroups []string           `json:"target_groups"`
	Instances    []rollout.Instance `json:"instances"`
	// User is who logs in on the instances; empty: ec2-user.
	User string `json:"user,omitempty"`
}

// readFleet reads and checks the fleet of an environment.
func readFleet(path, environment string) (Fleet, error) {
	if path == "" {
		return Fleet{}, usage("say which fleet: -fleet=FILE (JSON: instances, target_groups, region, repository)")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return Fleet{}, unreadable("fleet", path, err)
	}
	fleet, err := parseFleet(content)
	if err == nil && fleet.Environment != environment {
		err = fmt.Errorf("it describes %q, not %q", fleet.Environment, environment)
	}
	if err != nil {
		return Fleet{}, fmt.Errorf("read the fleet from %s: %w", path, err)
	}
	return fleet, nil
}

func parseFleet(content []byte) (Fleet, error) {
	var fleet Fleet
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&fleet); err != nil {
		return Fleet{}, err
	}
	return fleet, fleet.validate()
}

func (f Fleet) validate() error {
	var faults []error
	missing := func(is bool, field string) {
		if is {
			faults = append(faults, fmt.Errorf("%s is missing", field))
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
	return errors.Join(faults...)
}
