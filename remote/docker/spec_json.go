package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// jsonSpec is a Spec in JSON, in which the stop grace is text. Its fields override those of the same name in the
// embedded type, which has no methods.
type jsonSpec struct {
	fields
	StopGrace string `json:"stop_grace,omitempty"`
}

type fields Spec

// MarshalJSON writes the spec with its stop grace as text, such as "30s".
func (s Spec) MarshalJSON() ([]byte, error) {
	out := jsonSpec{fields: fields(s)}
	if s.StopGrace != 0 {
		out.StopGrace = s.StopGrace.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes. A field that is not a Spec's is an error.
func (s *Spec) UnmarshalJSON(data []byte) error {
	var in jsonSpec
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return fmt.Errorf("read a container spec: %w", err)
	}
	spec := Spec(in.fields)
	if in.StopGrace != "" {
		grace, err := time.ParseDuration(in.StopGrace)
		if err != nil {
			return fmt.Errorf("read a container spec: stop_grace: %w", err)
		}
		spec.StopGrace = grace
	}
	*s = spec
	return nil
}
