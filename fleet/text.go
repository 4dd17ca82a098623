package fleet

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unprintable names every text of the fleet, by its path in the JSON, that holds a character that cannot be printed.
// Each text may be written to a terminal and to GitHub's runner, which could run such characters as a command.
func unprintable(f Fleet) []string { return unprintableIn(reflect.ValueOf(f), "") }

func unprintableIn(v reflect.Value, path string) (faults []string) {
	switch v.Kind() {
	case reflect.String:
		if strings.ContainsFunc(v.String(), isUnprintable) {
			faults = append(faults, fmt.Sprintf("%s holds a control character: %q", path, v.String()))
		}
	case reflect.Slice:
		for n := range v.Len() {
			faults = append(faults, unprintableIn(v.Index(n), fmt.Sprintf("%s[%d]", path, n))...)
		}
	case reflect.Struct:
		for n := range v.NumField() {
			name := fieldName(v.Type().Field(n))
			faults = append(faults, unprintableIn(v.Field(n), strings.TrimPrefix(path+"."+name, "."))...)
		}
	}
	return faults
}

// isUnprintable reports control characters, characters that change the direction of writing, line separators, and the
// replacement for bytes that are not UTF-8.
func isUnprintable(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }
