package sandbox

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/growl-dev/deploy/rollout"
)

// Fleet is what a deploy needs to know of an environment, in the shape of the
// Terraform outputs.
type Fleet struct {
	Environment string `json:"environment"`
	// Region is the instances' and the load balancer's.
	Region string `json:"region"`
	// RegistryRegion is the image registry's.
	RegistryRegion string `json:"registry_region"`
	// Repository is the image repository, host:port/name.
	Repository string `json:"repository"`
	// LoadBalancer is where clients connect, host:port.
	LoadBalancer string `json:"load_balancer"`
	// TargetGroups are ARNs.
	TargetGroups []string           `json:"target_groups"`
	Instances    []rollout.Instance `json:"instances"`
	// User is who logs in to the instances.
	User string `json:"user"`
}

// write writes the fleet file.
func (f Fleet) write(path string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("write fleet file: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write fleet file: %w", err)
	}
	return nil
}
