package docker

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// How much of a log goes into an error.
const (
	maxLogLines = 10
	maxLogLine  = 200 // characters
	maxLogRead  = 1 << 20
	// A shorter value of the environment is no secret, and striking it out would
	// leave nothing to read.
	minSecret = 4
)

const redacted = "[redacted]"

// lastLines are the last lines a container wrote, without the values of its
// environment. No log is no line: it is only ever part of another error.
func (h *Host) lastLines(ctx context.Context, found container.InspectResponse) []string {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	secrets, err := h.secrets(ctx, found)
	if err != nil {
		return nil
	}
	stream, err := h.engine.ContainerLogs(ctx, found.ID, client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(maxLogLines),
	})
	if err != nil {
		return nil
	}
	defer stream.Close()
	var text bytes.Buffer
	limited := io.LimitReader(stream, maxLogRead)
	if found.Config.Tty {
		_, _ = io.Copy(&text, limited)
	} else {
		_, _ = stdcopy.StdCopy(&text, &text, limited)
	}
	return trimLog(text.String(), secrets)
}

// secrets are the values that the container has and its image has not: what the
// env file and the spec brought.
func (h *Host) secrets(ctx context.Context, found container.InspectResponse) ([]string, error) {
	own, err := h.image(ctx, found.Image)
	if err != nil {
		return nil, err
	}
	var secrets []string
	for _, variable := range found.Config.Env {
		if own.Config != nil && slices.Contains(own.Config.Env, variable) {
			continue
		}
		if _, value, _ := strings.Cut(variable, "="); len(value) >= minSecret {
			secrets = append(secrets, value)
		}
	}
	return secrets, nil
}

// trimLog strikes secrets out, the longest first, before it shortens anything:
// half a secret is one too.
func trimLog(text string, secrets []string) []string {
	secrets = slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	var lines []string
	for line := range strings.Lines(text) {
		line = printable(line)
		if runes := []rune(line); len(runes) > maxLogLine {
			line = string(runes[:maxLogLine]) + "…"
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-maxLogLines):]
}

// printable makes one line of a text that may hold anything, a terminal's
// control sequences included.
func printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == utf8Replacement:
			return -1
		case unicode.IsPrint(r):
			return r
		default:
			return ' '
		}
	}, text))
}

// utf8Replacement is what ranging over invalid UTF-8 yields.
const utf8Replacement = unicode.ReplacementChar

func joinLines(lines []string) string { return strings.Join(lines, " | ") }
