package fleet

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// TestFleetsWithControlCharactersAreRefused checks each field of a fleet file, because each may be written to a
// terminal or to GitHub's runner.
func TestFleetsWithControlCharactersAreRefused(t *testing.T) {
	good := func() Fleet {
		return Fleet{
			Environment: "dev", Region: "us-west-1", RegistryRegion: "us-west-1", Repository: "r/orders",
			TargetGroups: []string{"arn:1", "arn:2"}, User: "ec2-user", Alarms: []string{"high latency"},
			Instances: []rollout.Instance{{ID: "i-1", Name: "orders größer 1", Zone: "a", Address: "10.0.0.1"}, {ID: "i-2", Zone: "b", Address: "10.0.0.2"}},
		}
	}
	require.NoError(t, good().Validate())
	for field, spoil := range map[string]func(o *Fleet, bad string){
		"region":            func(o *Fleet, bad string) { o.Region += bad },
		"registry_region":   func(o *Fleet, bad string) { o.RegistryRegion += bad },
		"repository":        func(o *Fleet, bad string) { o.Repository += bad },
		"target_groups[1]":  func(o *Fleet, bad string) { o.TargetGroups[1] += bad },
		"user":              func(o *Fleet, bad string) { o.User += bad },
		"alarms[0]":         func(o *Fleet, bad string) { o.Alarms[0] += bad },
		"instances[0].name": func(o *Fleet, bad string) { o.Instances[0].Name += bad },
		"instances[1].id":   func(o *Fleet, bad string) { o.Instances[1].ID += bad },
		"instances[1].zone": func(o *Fleet, bad string) { o.Instances[1].Zone += bad },
		"instances[0].address": func(o *Fleet, bad string) {
			o.Instances[0].Address += bad
		},
	} {
		for _, bad := range []string{"\n::error::x", "\x1b[2J", "\x00", "\u202e", "\u2028", "\u009b"} {
			fleet := good()
			spoil(&fleet, bad)
			file := filepath.Join(t.TempDir(), "fleet.json")
			text, err := json.Marshal(fleet)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, text, 0o600))
			_, err = File(file).Fleet(t.Context(), "dev")
			require.ErrorContains(t, err, field+" holds a control character", "%q", bad)
			assert.NotContains(t, err.Error(), bad)
		}
	}
}
