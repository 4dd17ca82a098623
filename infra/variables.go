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
)

// Variables are what an environment's tfvars say of its instances. They are known
// before there is an instance, as outputs are not.
type Variables struct {
	// Environment is the environment's name.
	Environment string
	// Region is where the instances are.
	Region string
	// CIDR is the VPC's address range.
	CIDR netip.Prefix
	// Instances are the private addresses by the instances' names.
	Instances map[string]netip.Addr
}

// ConventionalVarFile is where an environment's variables are unless [Options] name
// another file: terraform-ENVIRONMENT.tfvars in dir.
func ConventionalVarFile(dir, environment string) string {
	return filepath.Join(dir, "terraform-"+environment+".tfvars")
}

// ReadVariables reads a tfvars file. Other variables than those of [Variables]
// are Terraform's to judge.
func ReadVariables(path string) (Variables, error) {
	file, faults := hclparse.NewParser().ParseHCLFile(path)
	if faults.HasErrors() {
		return Variables{}, fmt.Errorf("read variables: %w", inALine(faults))
	}
	attributes, faults := file.Body.JustAttributes()
	if faults.HasErrors() {
		return Variables{}, fmt.Errorf("read variables: %w", inALine(faults))
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
	return v, oneLine(err)
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

// decode puts a variable's value into the Go value that into points to.
func decode(attributes hcl.Attributes, name string, into any) error {
	attribute, ok := attributes[name]
	if !ok {
		return fmt.Errorf("%s is missing", name)
	}
	value, faults := attribute.Expr.Value(nil)
	if faults.HasErrors() {
		return inALine(faults)
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

// inALine is the first of the parser's faults: the others mostly follow from it.
func inALine(faults hcl.Diagnostics) error {
	return fmt.Errorf("%s", faults.Errs()[0])
}
