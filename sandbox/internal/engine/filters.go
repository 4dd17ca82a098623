package engine

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// filters are the values of each filter of a listing.
type filters map[string][]string

// parseFilters reads the query parameter in both of its forms, {"k":["v"]} and
// {"k":{"v":true}}, and returns an error for a filter that is not among the known ones.
func parseFilters(r *http.Request, known ...string) (filters, error) {
	text := r.URL.Query().Get("filters")
	if text == "" {
		return filters{}, nil
	}
	lists := filters{}
	if err := json.Unmarshal([]byte(text), &lists); err != nil {
		sets := map[string]map[string]bool{}
		if err := json.Unmarshal([]byte(text), &sets); err != nil {
			return nil, badRequest("invalid filter: %v", err)
		}
		lists = filters{}
		for name, values := range sets {
			for value := range values {
				lists[name] = append(lists[name], value)
			}
		}
	}
	for name := range lists {
		if !slices.Contains(known, name) {
			return nil, badRequest("invalid filter '%s'", name)
		}
	}
	return lists, nil
}

// match reports whether any value of the filter matches, or it is not set.
func (f filters) match(name string, matches func(string) bool) bool {
	return len(f[name]) == 0 || slices.ContainsFunc(f[name], matches)
}

// matchLabels reports whether every label filter, key or key=value, matches.
func (f filters) matchLabels(labels map[string]string) bool {
	for _, want := range f["label"] {
		key, value, exact := strings.Cut(want, "=")
		have, ok := labels[key]
		if !ok || (exact && have != value) {
			return false
		}
	}
	return true
}

func isTrue(v string) bool { return v == "true" || v == "1" }
