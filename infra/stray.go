package infra

import (
	"fmt"
	"os"
	"strings"
)

// strayVariables returns an error if the folder of a configuration holds files of variables that Terraform loads in
// addition to the given one. They are not committed, so that a plan would differ from machine to machine.
func strayVariables(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var found []string
	for _, entry := range entries {
		if loadedAlways(entry.Name()) {
			found = append(found, entry.Name())
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("terraform would load variables from %s in %s, which are not committed: move what is meant into the environment's .tfvars and remove the file", strings.Join(found, ", "), dir)
}

// loadedAlways reports whether Terraform loads a file of this name automatically.
func loadedAlways(name string) bool {
	name = strings.TrimSuffix(name, ".json")
	return name == "terraform.tfvars" || strings.HasSuffix(name, ".auto.tfvars")
}
