package infra_test

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/infra"
)

const goodVariables = `environment = "dev"
region = "us-west-1"
cidr = "10.20.0.0/16"
disk_gigabytes = 30
instances = {
  one = { zone = 0, address = "10.20.0.11" }
  two = { zone = 1, address = "10.20.1.11" }
}
`

func TestReadVariables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "terraform-dev.tfvars")
	writeFile(t, path, goodVariables)
	v, err := infra.ReadVariables(path)
	require.NoError(t, err)
	assert.Equal(t, infra.Variables{
		Environment: "dev", Region: "us-west-1", CIDR: netip.MustParsePrefix("10.20.0.0/16"),
		Instances: map[string]netip.Addr{"one": netip.MustParseAddr("10.20.0.11"), "two": netip.MustParseAddr("10.20.1.11")},
	}, v)
}

func TestTheCommittedVariablesAreRead(t *testing.T) {
	for _, environment := range []string{"dev", "prod"} {
		v, err := infra.ReadVariables("../growl-backend/terraform/terraform-" + environment + ".tfvars")
		require.NoError(t, err)
		assert.Equal(t, environment, v.Environment)
		for name, address := range v.Instances {
			assert.True(t, v.CIDR.Contains(address), name)
		}
	}
}

func TestBadVariablesAreOneLine(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"no HCL":             {`region = "us-west-1"`, `region = "us`, "terraform-dev.tfvars:2,"},
		"a block":            {"cidr =", "cidr {}\nx =", "terraform-dev.tfvars:3,"},
		"no region":          {"region =", "place =", "region is missing"},
		"no instances":       {"instances =", "machines =", "instances is missing"},
		"a function":         {`"us-west-1"`, `lower("US")`, "terraform-dev.tfvars:2,"},
		"a range of none":    {"10.20.0.0/16", "10.20", "10.20"},
		"an address of none": {`"10.20.1.11"`, `"ten"`, "address of the instance two"},
		"no address":         {`, address = "10.20.1.11"`, "", "address"},
		"a null":             {`"us-west-1"`, "null", "region"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "terraform-dev.tfvars")
			writeFile(t, path, strings.Replace(goodVariables, c.old, c.new, 1))
			_, err := infra.ReadVariables(path)
			require.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := infra.ReadVariables(filepath.Join(t.TempDir(), "none.tfvars"))
	require.ErrorContains(t, err, "none.tfvars")
}

func FuzzReadVariables(f *testing.F) {
	f.Add(goodVariables)
	f.Add("instances = { a = [] }")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "x.tfvars")
		writeFile(t, path, text)
		if v, err := infra.ReadVariables(path); err == nil {
			assert.True(t, v.CIDR.IsValid())
		}
	})
}
