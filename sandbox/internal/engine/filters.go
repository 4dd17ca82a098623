package engine

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
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

// until returns the time before which a result must have been made. The filter's value is a Unix time, RFC 3339 or a
// duration before now.
func (f filters) until(now time.Time) (time.Time, error) {
	if len(f["until"]) == 0 {
		return now.AddDate(1000, 0, 0), nil
	}
	return parseMoment(f["until"][0], now)
}

func parseMoment(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, badRequest("invalid time %q", text)
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}, badRequest("invalid time %q", text)
	}
	return time.Unix(seconds, nanos), nil
}

func isTrue(v string) bool { return v == "true" || v == "1" }
