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
	// redraw is the interval at which the board is drawn.
	redraw = 200 * time.Millisecond
	// lastFrame limits how long Finish waits for a terminal that does not accept output.
	lastFrame = 2 * time.Second
)

// Live is a [Reporter] that draws a row for each instance and keeps it up to date. It reads no input, leaves signals
// and the terminal's mode alone, and honours NO_COLOR (no-color.org). Remarks are written above the rows and stay, as
// the last frame does.
type Live struct {
	w       io.Writer
	board   *board
	program *tea.Program
	done    chan struct{}
}

// NewLive draws on w, a terminal, until Finish.
func NewLive(w io.Writer, o Options) *Live {
	l := &Live{w: w, board: newBoard(o), done: make(chan struct{})}
	screen := screen{board: l.board, frame: frame{width: 80, height: 24, plain: o.getenv("NO_COLOR") != ""}}
	l.program = tea.NewProgram(screen, tea.WithOutput(w), tea.WithInput(nil), tea.WithoutSignalHandler(),
		tea.WithEnvironment(environ(o)), tea.WithFPS(10))
	go func() {
		defer close(l.done)
		_, _ = l.program.Run() // the run goes on without a live view, and the receipt follows
	}()
	return l
}

// environ returns the environment variables that affect drawing.
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

// Observe records an event, which the next frame shows. It never waits for the terminal.
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
		if message.Width > 0 && message.Height > 0 { // some terminals report no size
			s.frame.width, s.frame.height = message.Width, message.Height
		}
	case ticked:
		return s, tea.Batch(append(s.remarks(), tick())...)
	case finished:
		return s, tea.Sequence(append(s.remarks(), tea.Quit)...)
	}
	return s, nil
}

// remarks writes what stays above the rows, in lines that do not wrap.
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
