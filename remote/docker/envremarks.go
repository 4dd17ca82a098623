package docker

import (
	"fmt"
	"strings"
)

// EnvFileRemarks names the lines of an env file that Docker drops, or reads in another way than a shell does: it reads each
// line by itself, and knows neither quotes nor comments behind a value. Remarks hold numbers and names, never a value.
func EnvFileRemarks(content []byte) (remarks []string) {
	lines := strings.Split(strings.TrimPrefix(string(content), "\ufeff"), "\n")
	for at := 0; at < len(lines); at++ {
		line := strings.TrimSpace(lines[at])
		if line == "" || line[0] == '#' {
			continue
		}
		remark := func(format string, args ...any) {
			remarks = append(remarks, fmt.Sprintf("line %d ", at+1)+fmt.Sprintf(format, args...))
		}
		name, value, assigned := strings.Cut(line, "=")
		name, exported := strings.CutPrefix(name, "export ")
		if exported {
			remark("begins with export, which only a shell understands: remove that word")
		}
		switch end := lastLineOf(lines, at, value); {
		case !assigned:
			remark("has no equals sign, so that Docker drops it: write NAME=VALUE, or remove it")
		case end > at:
			remark("begins a value of %s that goes on to line %d, and Docker reads each line by itself: write the value in one line", name, end+1)
			at = end
		case len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0]:
			remark("has quotes around the value of %s, which become a part of it: remove them", name)
		case strings.Contains(value, " #"):
			remark("has a # in the value of %s, and what follows it becomes a part of the value: write a comment in a line of its own", name)
		}
	}
	return remarks
}

// lastLineOf returns the line on which a value ends that begins on another one: in a quote or in a PEM block.
func lastLineOf(lines []string, at int, value string) int {
	var end string
	switch {
	case value != "" && (value[0] == '"' || value[0] == '\''):
		end = value[:1]
	case strings.HasPrefix(value, "-----BEGIN "):
		end = "-----END "
	}
	if end == "" || strings.Contains(value[1:], end) {
		return at
	}
	for last := at + 1; last < len(lines); last++ {
		if strings.Contains(lines[last], end) {
			return last
		}
	}
	return at
}
