package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// How much of a log goes into an error.
const (
	maxLogLines = 10
	maxLogLine  = 200 // characters
	maxLogRead  = 1 << 20
)

// logReader reads what containers left behind when they ended, without their secrets.
type logReader struct {
	engine *engine
	images imageStore
	// struck are the secrets of the container whose log was read last.
	container string
	struck    *Secrets
}

// lastLines returns the last lines that a container wrote, without the [Secrets] of its environment. It returns none if
// they cannot be read, because they only explain another error.
func (l *logReader) lastLines(ctx context.Context, found container.InspectResponse) []string {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	secrets, err := l.secrets(ctx, found)
	if err != nil {
		return nil
	}
	stream, err := l.engine.ContainerLogs(ctx, found.ID, client.ContainerLogsOptions{
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

// healthOutput returns what the last health check of the container's image wrote, if it failed, without the [Secrets] of the
// container's environment.
func (l *logReader) healthOutput(ctx context.Context, found container.InspectResponse) []string {
	if found.State.Health == nil || len(found.State.Health.Log) == 0 {
		return nil
	}
	last := found.State.Health.Log[len(found.State.Health.Log)-1]
	secrets, err := l.secrets(ctx, found)
	if err != nil || last.ExitCode == 0 {
		return nil
	}
	return append([]string{fmt.Sprintf("the health check of its image ended with exit code %d:", last.ExitCode)}, trimLog(last.Output, secrets)...)
}

// secrets returns the secrets of those variables that the image does not have: they come from the env file and the spec.
func (l *logReader) secrets(ctx context.Context, found container.InspectResponse) (*Secrets, error) {
	if l.container == found.ID {
		return l.struck, nil
	}
	own, err := l.images.inspect(ctx, found.Image)
	if err != nil {
		return nil, err
	}
	brought := slices.DeleteFunc(slices.Clone(found.Config.Env), func(variable string) bool {
		return own.Config != nil && slices.Contains(own.Config.Env, variable)
	})
	l.container, l.struck = found.ID, NewSecrets(brought)
	return l.struck, nil
}

// strike removes the container's secrets from a text about it, because the engine quotes what it could not start.
func (l *logReader) strike(found container.InspectResponse, text string) string {
	if l.container != found.ID {
		return NewSecrets(found.Config.Env).Strike(text) // its image could not be read
	}
	return l.struck.Strike(text)
}

// trimLog removes secrets before it shortens anything, because half a secret is one too, and again after it has removed
// what cannot be printed, which may have stood inside one.
func trimLog(text string, secrets *Secrets) []string {
	var lines []string
	for line := range strings.Lines(secrets.Strike(text)) {
		line = secrets.Strike(printable(line))
		if runes := []rune(line); len(runes) > maxLogLine {
			line = string(runes[:maxLogLine]) + "…"
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-maxLogLines):]
}

// printable returns a text that may hold anything as one line, without the escape sequences and control characters of a
// terminal. It drops what is not UTF-8 first, because single bytes above 127 can begin an escape sequence, and in a text
// of another encoding they are letters.
func printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, ansi.Strip(strings.ToValidUTF8(text, ""))))
}
