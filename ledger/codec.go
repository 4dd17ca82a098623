package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/growl-dev/deploy/rollout"
)

// maxText bounds an error's text in the journal and the history, in bytes.
const maxText = 500

// maxLease bounds a lease found in a store, in seconds.
const maxLease = 3600

// decodeDocument decodes the document of a key. It refuses a field that it does not know, because that could be a lease or
// an intent.
func decodeDocument(data []byte, k key) (document, error) {
	var d document
	if err := checkVersion(data, k.versions()...); err != nil {
		return d, err
	}
	if err := decodeStrictly(data, &d); err != nil {
		return d, err
	}
	d.addDurations()
	return d, d.check(k)
}

// decodeStrictly refuses fields that are not known, and anything after the end.
func decodeStrictly(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("not what this program writes: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("not what this program writes: more follows after its end")
	}
	return nil
}

// checkVersion checks the version before anything else is decoded, because the fields of a later version are not known.
func checkVersion(data []byte, known ...int) error {
	var head struct {
		Version *int `json:"version"`
	}
	err := json.Unmarshal(data, &head)
	switch {
	case err != nil:
		return fmt.Errorf("cut off or not JSON: %w", err)
	case head.Version == nil:
		return errors.New("it names no version")
	case !slices.Contains(known, *head.Version):
		return fmt.Errorf("it is of version %d, this program knows version %d: use the program that wrote it", *head.Version, slices.Max(known))
	}
	return nil
}

func (d document) check(k key) error {
	switch {
	case d.Environment != k.environment:
		return fmt.Errorf("it is of environment %q, not %q", d.Environment, k.environment)
	case d.Service != k.service:
		return fmt.Errorf("it is of service %q, not %q", d.Service, k.service)
	case d.Write == "":
		return errors.New("it names no write")
	case (d.Moved != "") != (k.service == "" && d.Format == markerVersion):
		return fmt.Errorf("it is of version %d and was moved to %q: only version %d at a key of before names another key", d.Format, d.Moved, markerVersion)
	case d.Moved != "" && (d.Lease != nil || d.Unfinished != nil || d.Finished != nil):
		return fmt.Errorf("it was moved to %s and holds runs", d.Moved)
	}
	if d.Lease != nil {
		if err := d.Lease.check(); err != nil {
			return fmt.Errorf("lease: %w", err)
		}
	}
	for _, r := range d.Unfinished {
		if err := r.check(); err != nil {
			return fmt.Errorf("unfinished run: %w", err)
		}
	}
	for _, raw := range d.Finished {
		if _, err := decodeRecord(raw); err != nil {
			return fmt.Errorf("finished run: %w", err)
		}
	}
	return nil
}

func (l *lease) check() error {
	if l.ID == "" || l.Seconds < 1 || l.Seconds > maxLease {
		return fmt.Errorf("want an ID and 1 to %d seconds, got %q and %d", maxLease, l.ID, l.Seconds)
	}
	return l.Run.check()
}

func (r Run) check() error {
	if err := checkName("run", r.RunID); err != nil {
		return err
	}
	for i, e := range r.Entries {
		if err := checkEntry(e); err != nil {
			return fmt.Errorf("run %s: entry %d: %w", r.RunID, i+1, err)
		}
	}
	return nil
}

// checkEntry checks an entry by the same rules before it is written and after it was read.
func checkEntry(e rollout.Entry) error {
	marks := []rollout.Mark{rollout.Begun, rollout.Done, rollout.Failed, rollout.Undoing, rollout.Undone}
	switch {
	case e.Instance == "":
		return errors.New("it names no instance")
	case !slices.Contains(rollout.Steps(), e.Step):
		return fmt.Errorf("%s: step %q is not known", e.Instance, e.Step)
	case !slices.Contains(marks, e.Mark):
		return fmt.Errorf("%s: %s: mark %q is not known", e.Instance, e.Step, e.Mark)
	}
	if e.Seconds < 0 || e.Seconds > maxLease {
		return fmt.Errorf("%s: %s: %d seconds are not 0 to %d", e.Instance, e.Step, e.Seconds, maxLease)
	}
	for _, t := range e.Targets {
		if t.Group == "" || t.Instance != e.Instance || t.Port < 1 || t.Port > 65535 {
			return fmt.Errorf("%s: %s: target %+v is none of the instance's", e.Instance, e.Step, t)
		}
	}
	return nil
}

// decodeRecord decodes a record of the history. It ignores fields that it does not know, because nothing depends on them.
func decodeRecord(data []byte) (Record, error) {
	var r record
	if err := checkVersion(data, recordVersion); err != nil {
		return r.Record, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r.Record, fmt.Errorf("not what this program writes: %w", err)
	}
	return r.Record, checkName("run", r.Result.Run)
}

func encodeRecord(r Record) ([]byte, error) {
	r.Result = cleanResult(r.Result)
	if err := checkName("run", r.Result.Run); err != nil {
		return nil, err
	}
	return json.Marshal(record{Format: recordVersion, Record: r})
}

// cleanResult removes the output of containers, because it may contain secrets, and shortens every text.
func cleanResult(r rollout.Result) rollout.Result {
	r.Error = shorten(r.Error)
	r.Remarks = slices.Clone(r.Remarks)
	for i := range r.Remarks {
		r.Remarks[i] = shorten(r.Remarks[i])
	}
	r.Instances = slices.Clone(r.Instances)
	for i := range r.Instances {
		instance := &r.Instances[i]
		instance.Error, instance.Log = shorten(instance.Error), nil
		instance.Steps = slices.Clone(instance.Steps)
		for j := range instance.Steps {
			step := &instance.Steps[j]
			step.Error, step.Detail = shorten(step.Error), shorten(step.Detail)
		}
	}
	return r
}

// shorten returns the first line, cut to maxText bytes.
func shorten(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "")
	}
	return text
}
