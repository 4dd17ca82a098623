package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/growl-dev/deploy/rollout"
)

// File is the path of a JSON file that describes a fleet.
type File string

// Fleet reads the file. An empty environment accepts a file of any environment. The error names the file, and its
// missing and unknown fields.
func (path File) Fleet(_ context.Context, environment string) (Fleet, error) {
	if path == "" {
		return Fleet{}, errors.New("read the fleet: the name of its file is empty")
	}
	content, err := os.ReadFile(string(path))
	if errors.Is(err, fs.ErrNotExist) {
		return Fleet{}, fmt.Errorf("read the fleet: %s does not exist", path)
	}
	if err != nil {
		return Fleet{}, fmt.Errorf("read the fleet: %w", err)
	}
	f, err := decode(content)
	if err == nil && environment != "" && f.Environment != environment {
		err = fmt.Errorf("it describes %q, not %q", f.Environment, environment)
	}
	if err != nil {
		return Fleet{}, fmt.Errorf("read the fleet from %s: %w", path, err)
	}
	return f.WithDefaults(), nil
}

func decode(content []byte) (Fleet, error) {
	var f Fleet
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return Fleet{}, explain(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Fleet{}, errors.New("something follows the JSON object")
	}
	return f, f.Validate()
}

// explain adds the names of all fields to an error about an unknown field.
func explain(err error) error {
	if !strings.Contains(err.Error(), "unknown field") {
		return err
	}
	return fmt.Errorf("%w: the fields are %s, and those of an instance %s",
		err, strings.Join(fields(reflect.TypeFor[Fleet]()), ", "), strings.Join(fields(reflect.TypeFor[rollout.Instance]()), ", "))
}

// fields returns the JSON names of a struct's fields.
func fields(t reflect.Type) (names []string) {
	for n := range t.NumField() {
		names = append(names, fieldName(t.Field(n)))
	}
	return names
}

func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// WriteFile writes the fleet as a fleet file.
func (f Fleet) WriteFile(path string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("write the fleet to %s: %w", path, err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the fleet: %w", err)
	}
	return nil
}
