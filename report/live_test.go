package report

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	tea "charm.land/bubbletea/v2"

	"github.com/growl-dev/deploy/rollout"
)

func environment(pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestNewWritesLinesWhereNothingCanBeDrawn(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	for _, w := range []io.Writer{&bytes.Buffer{}, file} {
		assert.IsType(t, &plain{}, New(w, Options{Getenv: environment("TERM", "xterm")}))
	}
}

func TestCanDraw(t *testing.T) {
	tests := []struct {
		env  []string
		want bool
	}{
		{[]string{"TERM", "xterm-256color"}, true},
		{[]string{"TERM", "xterm", "CI", "false"}, true},
		{[]string{"TERM", "xterm", "CI", "true"}, false},
		{[]string{"TERM", "xterm", "CI", "1"}, false},
		{[]string{"TERM", "dumb"}, false},
		{nil, false},
	}
	for _, test := range tests {
		assert.Equal(t, test.want, canDraw(Options{Getenv: environment(test.env...)}), "%v", test.env)
	}
}

// stuck is a terminal that takes nothing until it is let go, as after Ctrl-S.
type stuck struct {
	release chan struct{}
	mu      sync.Mutex
	out     bytes.Buffer
}

func (s *stuck) Write(text []byte) (int, error) {
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(text)
}

func TestAStuckTerminalDoesNotHoldUpTheRun(t *testing.T) {
	terminal := &stuck{release: make(chan struct{})}
	l := NewLive(terminal, Options{Getenv: environment("TERM", "xterm")})
	for range 100 { // all of it returns although nothing can be written
		for _, e := range story() {
			l.Observe(e)
		}
	}
	close(terminal.release)
	l.Finish(document(rollout.Deployed, updated("i-0a")))
	assert.True(t, strings.HasSuffix(terminal.out.String(), "deployed 1/1 in 41s\n"), "the receipt comes last")
}

func TestLiveTouchesNoInputMode(t *testing.T) {
	var out bytes.Buffer
	l := NewLive(&out, Options{Getenv: environment("TERM", "xterm", "NO_COLOR", "1"), Instances: fleet})
	l.Finish(document(rollout.Deployed, updated("i-0a")))
	for name, sequence := range map[string]string{
		"bracketed paste": "\x1b[?2004h", "alternate screen": "\x1b[?1049h", "mouse": "\x1b[?1000h", "keyboard": "\x1b[>",
	} {
		assert.NotContains(t, out.String(), sequence, name)
	}
}

func TestTheScreenFollowsTheTerminalsSize(t *testing.T) {
	s := screen{board: newBoard(Options{}), frame: frame{width: 80, height: 24}}
	next, _ := s.Update(tea.WindowSizeMsg{Width: 40, Height: 10})
	assert.Equal(t, frame{width: 40, height: 10}, next.(screen).frame)
	next, _ = next.Update(tea.WindowSizeMsg{})
	assert.Equal(t, frame{width: 40, height: 10}, next.(screen).frame, "a terminal may not know its size")
}
