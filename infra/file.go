package infra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ReadOutputs reads an environment's outputs from a JSON file: for a fleet that
// Terraform did not make, such as the sandbox's. A file of another environment
// is refused, unless environment is empty.
func ReadOutputs(path, environment string) (Outputs, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Outputs{}, fmt.Errorf("read the fleet: %s does not exist", path)
	}
	if err != nil {
		return Outputs{}, fmt.Errorf("read the fleet: %w", err)
	}
	outputs, err := decodeOutputs(content)
	if err == nil && environment != "" && outputs.Environment != environment {
		err = fmt.Errorf("it describes %q, not %q", outputs.Environment, environment)
	}
	if err != nil {
		return Outputs{}, fmt.Errorf("read the fleet from %s: %w", path, err)
	}
	return outputs, nil
}

func decodeOutputs(content []byte) (Outputs, error) {
	var outputs Outputs
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&outputs); err != nil {
		return Outputs{}, err
	}
	return outputs, outputs.validate()
}
