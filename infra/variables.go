package infra

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/growl-dev/deploy/internal/oneline"
)

// Variables are the values of an environment's tfvars about its instances. Unlike outputs, they are known before there
// is an instance.
type Variables struct {
	// Environment is the environment's name.
	Environment string
	// Region is the region of the instances.
	Region string
	// CIDR is the VPC's address range.
	CIDR netip.Prefix
	// Instances are the instances' private addresses by name.
	Instances map[string]netip.Addr
}

// ConventionalVarFile returns the file of an environment's variables unless [Options] names another one:
// terraform-ENVIRONMENT.tfvars in dir.
func ConventionalVarFile(dir, environment string) string {
	return filepath.Join(dir, "terraform-"+environment+".tfvars")
}

// ReadVariables reads a tfvars file. It ignores variables other than those of [Variables], because Terraform checks
// them.
func ReadVariables(path string) (Variables, error) {
	file, faults := hclparse.NewParser().ParseHCLFile(path)
	if faults.HasErrors() {
		return Variables{}, fmt.Errorf("read variables: %w", firstFault(faults))
	}
	attributes, faults := file.Body.JustAttributes()
	if faults.HasErrors() {
		return Variables{}, fmt.Errorf("read variables: %w", firstFault(faults))
	}
	v, err := decodeVariables(attributes)
	if err != nil {
		return Variables{}, fmt.Errorf("read variables from %s: %w", path, err)
	}
	return v, nil
}

func decodeVariables(attributes hcl.Attributes) (Variables, error) {
	var v Variables
	var cidr string
	err := errors.Join(decode(attributes, "environment", &v.Environment), decode(attributes, "region", &v.Region), decode(attributes, "cidr", &cidr))
	if err == nil {
		v.CIDR, err = netip.ParsePrefix(cidr)
	}
	if err == nil {
		v.Instances, err = decodeInstances(attributes)
	}
	return v, oneline.Error(err)
}

func decodeInstances(attributes hcl.Attributes) (map[string]netip.Addr, error) {
	var written map[string]struct {
		Address string `cty:"address"`
		Zone    int    `cty:"zone"`
	}
	if err := decode(attributes, "instances", &written); err != nil {
		return nil, err
	}
	instances := map[string]netip.Addr{}
	for name, i := range written {
		address, err := netip.ParseAddr(i.Address)
		if err != nil {
			return nil, fmt.Errorf("address of the instance %s: %w", name, err)
		}
		instances[name] = address
	}
	return instances, nil
}

// decode converts a variable's value into the Go value that into points to.
func decode(attributes hcl.Attributes, name string, into any) error {
	attribute, ok := attributes[name]
	if !ok {
		return fmt.Errorf("%s is missing", name)
	}
	value, faults := attribute.Expr.Value(nil)
	if faults.HasErrors() {
		return firstFault(faults)
	}
	wanted, err := gocty.ImpliedType(into)
	if err != nil {
		return err
	}
	if value, err = convert.Convert(value, wanted); err == nil {
		err = gocty.FromCtyValue(value, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// firstFault returns the first of the parser's faults, because the others mostly follow from it.
func firstFault(faults hcl.Diagnostics) error {
	return fmt.Errorf("%s", faults.Errs()[0])
}
