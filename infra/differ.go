package infra

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// differing returns the first names of the attributes that differ before and after; for a map of tags it adds the key.
// Only values that the plan knows count, at any depth, because a value that is computed during the apply may turn out
// to be the same.
func differing(change *tfjson.Change) []string {
	before, after := object(change.Before), object(change.After)
	unknown := object(change.AfterUnknown)
	var names []string
	for _, name := range union(before, after) {
		if change.Actions.Replace() && leftOut(before[name], after[name]) {
			continue
		}
		if !agree(before[name], after[name], unknown[name]) {
			names = append(names, keyed(name, before[name], after[name], unknown[name])...)
		}
	}
	return oneTagOnce(names)
}

// leftOut reports whether an attribute consists of blocks that the code leaves out. AWS chose them for the existing
// resource, and will do so for its replacement. The plan of a replacement shows them in the same way as removed blocks.
func leftOut(before, after any) bool {
	blocks, _ := before.([]any)
	if len(blocks) == 0 || !empty(after) {
		return false
	}
	_, isBlock := blocks[0].(map[string]any)
	return isBlock
}

// agree reports whether two values are the same as far as the second one is known. unknown is true if nothing of it is
// known; for a map or a list it has the same shape, with true for each unknown element.
func agree(before, after, unknown any) bool {
	if all, ok := unknown.(bool); ok && all {
		return true
	}
	switch after := after.(type) {
	case map[string]any:
		before, ok := before.(map[string]any)
		parts := object(unknown)
		return (ok || empty(before)) && !slices.ContainsFunc(union(before, after), func(name string) bool {
			return !agree(before[name], after[name], parts[name])
		})
	case []any:
		before, ok := before.([]any)
		parts, _ := unknown.([]any)
		if len(before) != len(after) {
			return false
		}
		for n := range after {
			var part any
			if n < len(parts) {
				part = parts[n]
			}
			if !agree(before[n], after[n], part) {
				return false
			}
		}
		return ok || len(after) == 0
	default:
		return same(before, after)
	}
}

// keyed returns the keys of a map of strings that differ, as in tags.Name.
func keyed(name string, before, after, unknown any) []string {
	one, isMap := before.(map[string]any)
	other, alsoMap := after.(map[string]any)
	if !isMap || !alsoMap {
		return []string{name}
	}
	var names []string
	for _, key := range union(one, other) {
		if !agree(one[key], other[key], object(unknown)[key]) {
			names = append(names, name+"."+key)
		}
	}
	return names
}

// oneTagOnce removes tags_all.KEY if tags.KEY is there too, because the provider repeats a resource's own tags in
// tags_all.
func oneTagOnce(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		key, all := strings.CutPrefix(name, "tags_all.")
		return all && slices.Contains(names, "tags."+key)
	})
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

// same treats null and the empty value of a type as equal, because the provider does: a refresh turns one into the
// other, and so does the plan of a replacement.
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
	case bool:
		return !v
	case float64:
		return v == 0
	default:
		return false
	}
}
