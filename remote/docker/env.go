package docker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseEnvFile parses variables in the way of docker run --env-file (docker/cli pkg/kvfile): KEY=VALUE lines, taken as
// they are. It removes leading white space and a byte order mark, and skips blank lines and those that begin with #.
// Quotes and a later # are part of the value, and a line longer than 64 KiB is an error. In the CLI, KEY alone takes
// its value from the caller's environment. The instance has no such environment, so that the line is skipped.
//
// Errors name the line's number, never its content.
func ParseEnvFile(r io.Reader) ([]string, error) {
	var variables []string
	scanner := bufio.NewScanner(r)
	number := 0
	for scanner.Scan() {
		number++
		variable, err := parseEnvLine(scanner.Bytes(), number == 1)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if variable != "" {
			variables = append(variables, variable)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", number+1, err)
	}
	return variables, nil
}

// parseEnvLine returns KEY=VALUE, or nothing for a line that sets no variable.
func parseEnvLine(data []byte, first bool) (string, error) {
	if !utf8.Valid(data) {
		return "", errors.New("it is not valid UTF-8")
	}
	if first {
		data = bytes.TrimPrefix(data, []byte("\ufeff"))
	}
	line := strings.TrimLeftFunc(string(data), unicode.IsSpace)
	if line == "" || line[0] == '#' {
		return "", nil
	}
	key, _, assigned := strings.Cut(line, "=")
	switch {
	case key == "":
		return "", errors.New("there is no name before the equals sign")
	case strings.HasPrefix(key, "export "):
		return "", errors.New("it begins with export, which only a shell understands: remove that word")
	case strings.ContainsAny(key, " \t"):
		return "", errors.New("there is white space in the name")
	case strings.Contains(line, "\x00"):
		return "", errors.New("there is a NUL in it")
	case !assigned:
		return "", nil
	}
	return line, nil
}

// mergeEnv sets extra over the file's variables. If a name is given twice, the last one counts, as in the CLI.
func mergeEnv(file []string, extra map[string]string) []string {
	merged := map[string]string{}
	for _, variable := range file {
		key, value, _ := strings.Cut(variable, "=")
		merged[key] = value
	}
	maps.Copy(merged, extra)
	var variables []string
	for _, key := range slices.Sorted(maps.Keys(merged)) {
		variables = append(variables, key+"="+merged[key])
	}
	return variables
}

// envValue returns the value of a name in KEY=VALUE lines. The last one counts.
func envValue(variables []string, name string) string {
	for _, variable := range slices.Backward(variables) {
		if key, value, _ := strings.Cut(variable, "="); key == name {
			return value
		}
	}
	return ""
}
