package report

import (
	"fmt"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/growl-dev/deploy/rollout"
)

const (
	// redraw is the time between two looks at the board.
	redraw = 200 * time.Millisecond
	// lastFrame bounds how long Finish waits for a terminal that takes nothing.
	lastFrame = 2 * time.Second
)

// Live is a [Reporter] that draws a row an instance and keeps it up to date. It
// reads no input, leaves signals and the terminal's mode alone, and honours
// NO_COLOR (no-color.org). Remarks are written above the rows and stay; so does
// the last frame.
type Live struct {
	w       io.Writer
	board   *board
	program *tea.Program
	done    chan struct{}
}

// NewLive begins to draw on w, a terminal, until Finish.
func NewLive(w io.Writer, o Options) *Live {
	l := &Live{w: w, board: newBoard(o), done: make(chan struct{})}
	screen := screen{board: l.board, frame: frame{width: 80, height: 24, plain: o.getenv("NO_COLOR") != ""}}
	l.program = tea.NewProgram(screen, tea.WithOutput(w), tea.WithInput(nil), tea.WithoutSignalHandler(),
		tea.WithEnvironment(environ(o)), tea.WithFPS(10))
	go func() {
		defer close(l.done)
		_, _ = l.program.Run() // without a picture the run goes on, and the receipt follows
	}()
	return l
}

// environ is the environment, as far as drawing depends on it.
func environ(o Options) []string {
	if o.Getenv == nil {
		return os.Environ()
	}
	var env []string
	for _, key := range []string{"TERM", "COLORTERM", "TERM_PROGRAM", "NO_COLOR", "COLUMNS", "LINES"} {
		if v := o.Getenv(key); v != "" {
			env = append(env, key+"="+v)
		}
	}
	return env
}

// Observe notes an event; it is drawn with the next frame. It never waits for
// the terminal.
func (l *Live) Observe(e rollout.Event) { l.board.observe(e) }

// Finish draws the last frame and writes the receipt below it.
func (l *Live) Finish(d Document) {
	l.board.finish(d)
	go l.program.Send(finished{})
	timer := time.NewTimer(lastFrame)
	defer timer.Stop()
	select {
	case <-l.done:
	case <-timer.C:
	}
	_, _ = fmt.Fprintln(NewWriter(l.w), Receipt(d))
}

// screen is the model that bubbletea draws.
type screen struct {
	board *board
	frame frame
}

type (
	ticked   struct{}
	finished struct{}
)

func tick() tea.Cmd {
	return tea.Tick(redraw, func(time.Time) tea.Msg { return ticked{} })
}

// Init implements [tea.Model].
func (s screen) Init() tea.Cmd { return tick() }

// Update implements [tea.Model].
func (s screen) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		if message.Width > 0 && message.Height > 0 { // a terminal may not know
			s.frame.width, s.frame.height = message.Width, message.Height
		}
	case ticked:
		return s, tea.Batch(append(s.remarks(), tick())...)
	case finished:
		return s, tea.Sequence(append(s.remarks(), tea.Quit)...)
	}
	return s, nil
}

// remarks writes what is to stay above the rows, in lines that do not wrap.
func (s screen) remarks() []tea.Cmd {
	var all []tea.Cmd
	for _, remark := range s.board.takeRemarks() {
		all = append(all, tea.Println(remark))
	}
	if len(all) == 0 {
		return nil
	}
	return []tea.Cmd{tea.Sequence(all...)}
}

// View implements [tea.Model].
func (s screen) View() tea.View {
	v := tea.NewView(s.board.view(time.Now(), s.frame))
	v.DisableBracketedPasteMode = true
	return v
}
