package infra

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// Kind tells who changed something.
type Kind string

const (
	// Drift: somebody changed AWS, and the code says otherwise.
	Drift Kind = "drift"
	// NotApplied: somebody changed the code, and AWS does not know yet.
	NotApplied Kind = "not applied"
)

// Action is what an apply would do to a resource.
type Action string

// The actions of a plan that change something.
const (
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Delete  Action = "delete"
	Forget  Action = "forget"
)

// Change is a resource that an apply would change.
type Change struct {
	// Address is the resource's in the configuration.
	Address string
	// Type is its type, aws_instance for one.
	Type   string
	Kind   Kind
	Action Action
	// Attributes are the names of what differs, never the values. Of a resource
	// that is made or removed there are none.
	Attributes []string
	// Gone is set when somebody removed the resource from AWS.
	Gone bool

	row *tfjson.ResourceChange
}

// String names the resource, what happened to it, and the attributes.
func (c Change) String() string {
	switch {
	case c.Gone:
		return c.Address + " (gone)"
	case len(c.Attributes) == 0:
		return fmt.Sprintf("%s (%s)", c.Address, c.Action)
	default:
		return fmt.Sprintf("%s (%s: %s)", c.Address, c.Action, strings.Join(c.Attributes, ", "))
	}
}

// changesOf reads a plan. What Terraform calls drift holds harmless rows, right
// after a first apply for one: only what an apply would change counts.
func changesOf(plan *tfjson.Plan) []Change {
	drifted := map[string]*tfjson.ResourceChange{}
	for _, row := range plan.ResourceDrift {
		if row != nil {
			drifted[row.Address] = row
		}
	}
	var changes []Change
	for _, row := range plan.ResourceChanges {
		if action, ok := actionOf(row); ok {
			changes = append(changes, changeOf(row, action, drifted[row.Address]))
		}
	}
	return changes
}

// actionOf names what a row does; ok is false for rows that change nothing.
func actionOf(row *tfjson.ResourceChange) (action Action, ok bool) {
	if row == nil || row.Mode != tfjson.ManagedResourceMode || row.Change == nil {
		return "", false
	}
	switch actions := row.Change.Actions; {
	case actions.Create():
		return Create, true
	case actions.Update():
		return Update, true
	case actions.Replace():
		return Replace, true
	case actions.Delete():
		return Delete, true
	case actions.NoOp(), actions.Read():
		return "", false
	default:
		return Forget, true
	}
}

func changeOf(row *tfjson.ResourceChange, action Action, drift *tfjson.ResourceChange) Change {
	c := Change{Address: row.Address, Type: row.Type, Kind: NotApplied, Action: action, row: row}
	if action == Update || action == Replace {
		c.Attributes = differing(row.Change)
	}
	if drift == nil || drift.Change == nil {
		return c
	}
	if drift.Change.Actions.Delete() {
		c.Kind, c.Gone = Drift, true
		return c
	}
	// A refresh may have moved one attribute and the code another.
	moved := differing(drift.Change)
	if slices.ContainsFunc(c.Attributes, func(name string) bool { return slices.Contains(moved, name) }) {
		c.Kind = Drift
	}
	return c
}

// differing names the attributes that differ before and after, by their first
// name; those of a map of tags by their keys too. What an apply will only learn
// does not count.
func differing(change *tfjson.Change) []string {
	before, after := object(change.Before), object(change.After)
	unknown := object(change.AfterUnknown)
	var names []string
	for _, name := range union(before, after) {
		if _, learned := unknown[name].(bool); learned && after[name] == nil {
			continue
		}
		if !same(before[name], after[name]) {
			names = append(names, keyed(name, before[name], after[name])...)
		}
	}
	return names
}

// keyed names the keys of a map of strings that differ: tags.Name.
func keyed(name string, before, after any) []string {
	one, isMap := before.(map[string]any)
	other, alsoMap := after.(map[string]any)
	if !isMap || !alsoMap {
		return []string{name}
	}
	var names []string
	for _, key := range union(one, other) {
		if !same(one[key], other[key]) {
			names = append(names, name+"."+key)
		}
	}
	return names
}

func object(value any) map[string]any {
	attributes, _ := value.(map[string]any)
	return attributes
}

func union(one, other map[string]any) []string {
	names := maps.Clone(one)
	if names == nil {
		names = map[string]any{}
	}
	maps.Copy(names, other)
	return slices.Sorted(maps.Keys(names))
}

// same takes null and empty for one: a refresh turns one into the other.
func same(one, other any) bool {
	return reflect.DeepEqual(one, other) || empty(one) && empty(other)
}

func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}
