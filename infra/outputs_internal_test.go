package infra

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOutputsThatLackAField(t *testing.T) {
	_, err := parseOutputs(map[string]json.RawMessage{
		"environment": json.RawMessage(`"dev"`), "region": json.RawMessage(`"us-west-1"`),
		"registry_region": json.RawMessage(`"us-west-1"`), "repository": json.RawMessage(`"r"`),
		"instances": json.RawMessage(`[{"id":"i-1","zone":"","address":"10.0.0.1"}]`),
	})
	require.EqualError(t, err, "target_groups is missing; instances[0].zone is missing")
}

func TestOutputsOfAnotherShape(t *testing.T) {
	_, err := parseOutputs(map[string]json.RawMessage{"instances": json.RawMessage(`"none"`)})
	require.ErrorContains(t, err, "instances")
}

func FuzzOutputs(f *testing.F) {
	f.Add(`{"environment":"dev","instances":[{"id":"i-1"}]}`)
	f.Add(`{"target_groups":[null]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var values map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &values) != nil {
			return
		}
		if outputs, err := parseOutputs(values); err == nil {
			assert.NotEmpty(t, outputs.Instances)
			assert.NotEmpty(t, outputs.Environment)
		}
	})
}
