package infra

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/growl-dev/deploy/fleet"
)

// Outputs reads the environment's outputs from its state, without another call to AWS. They are as old as the last
// apply; the drift gate checks whether they still hold.
func (e *Environment) Outputs(ctx context.Context) (fleet.Fleet, error) {
	if err := e.ready(ctx, false); err != nil {
		return fleet.Fleet{}, err
	}
	read, err := e.quiet.Output(ctx)
	if err != nil {
		return fleet.Fleet{}, e.failed("read the outputs of", err)
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
		return fleet.Fleet{}, fmt.Errorf("read the outputs of %s: %w: go tool mage infra:apply %s writes them anew", e.name, err, e.name)
	}
	return outputs, nil
}

// parseOutputs returns the fleet in the outputs. It ignores the configuration's other outputs.
func parseOutputs(values map[string]json.RawMessage) (fleet.Fleet, error) {
	joined, err := json.Marshal(values)
	if err != nil {
		return fleet.Fleet{}, err
	}
	var outputs fleet.Fleet
	if err := json.Unmarshal(joined, &outputs); err != nil {
		return fleet.Fleet{}, err
	}
	return outputs.WithDefaults(), outputs.Validate()
}
