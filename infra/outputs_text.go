package infra

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unprintable names every text of v, by its path in the JSON, that holds a control
// character or another that is not printed: it reaches terminals and CI logs, and names
// of instances and groups have none.
func unprintable(v any) []error { return unprintableIn(reflect.ValueOf(v), "") }

func unprintableIn(v reflect.Value, path string) []error {
	var faults []error
	switch v.Kind() {
	case reflect.String:
		if strings.ContainsFunc(v.String(), isUnprintable) {
			faults = append(faults, fmt.Errorf("%s holds a control character: %q", path, v.String()))
		}
	case reflect.Slice:
		for n := range v.Len() {
			faults = append(faults, unprintableIn(v.Index(n), fmt.Sprintf("%s[%d]", path, n))...)
		}
	case reflect.Struct:
		for n := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(n).Tag.Get("json"), ",")
			faults = append(faults, unprintableIn(v.Field(n), strings.TrimPrefix(path+"."+name, "."))...)
		}
	}
	return faults
}

// isUnprintable covers control characters, those that change the direction of writing,
// line separators, and what stands for bytes that are no UTF-8.
func isUnprintable(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }
