package report

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/growl-dev/deploy/rollout"
)

// frame describes the area in which the board is drawn.
type frame struct {
	width, height int
	plain         bool // no colours: NO_COLOR is set
}

// cell is a text of one style.
type cell struct {
	text  string
	style lipgloss.Style
}

var (
	normal = lipgloss.NewStyle()
	strong = lipgloss.NewStyle().Bold(true)
	dim    = lipgloss.NewStyle().Faint(true)
	good   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Red)
	active = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
)

// line draws cells side by side and never wraps: it leaves out what does not fit.
func (f frame) line(cells ...cell) string {
	var b strings.Builder
	left := f.width - 1 // some terminals wrap at the last column already
	for _, c := range cells {
		text := cut(c.text, left)
		if text == "" {
			break
		}
		left -= lipgloss.Width(text)
		if f.plain {
			b.WriteString(text)
		} else {
			b.WriteString(c.style.Render(text))
		}
	}
	return b.String()
}

// pad fills text with spaces to a width in terminal cells, and cuts it if it is longer.
func pad(text string, width int) string {
	text = cut(text, width)
	return text + strings.Repeat(" ", max(0, width-lipgloss.Width(text)))
}

// view draws the state of the board at a moment: header, rows and footer, each in one line of f's width, and together
// not higher than f.
func (b *board) view(now time.Time, f frame) string {
	footer := ""
	if b.o.Footer != nil {
		footer = Clean(b.o.Footer())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended.IsZero() {
		now = b.ended
	}
	lines := []string{b.header(now, f)}
	lines = append(lines, b.table(now, f, f.height-4)...)
	if b.note != "" && b.outcome == "" {
		lines = append(lines, f.line(cell{b.note, dim}))
	}
	if footer != "" {
		lines = append(lines, f.line(cell{footer, dim}))
	}
	return strings.Join(lines, "\n") + "\n" // the cursor rests below the last line
}

func (b *board) header(now time.Time, f frame) string {
	ended := 0
	for _, r := range b.rows {
		if r.outcome != "" && r.outcome != rollout.Pending {
			ended++
		}
	}
	title := Clean(b.o.Environment)
	if b.o.Release.Image != "" {
		title = strings.TrimSpace(title + "  " + Clean(b.o.Release.String()))
	}
	if title == "" {
		title = "deploy"
	}
	elapsed := since(b.started, now)
	if b.outcome == "" {
		elapsed = elapsed.Truncate(time.Second) // it ticks
	}
	return f.line(cell{title, strong}, cell{fmt.Sprintf("  %s  %d/%d", short(elapsed), ended, len(b.rows)), dim}, cell{b.toGo(now), dim})
}

// toGo returns how long the run will still take, if that is known. It is rounded to 10 s, because it is an estimate.
func (b *board) toGo(now time.Time) string {
	left := b.ends.Sub(now)
	if b.outcome != "" || left <= 0 {
		return ""
	}
	if left > 30*time.Second {
		left = left.Round(10 * time.Second)
	}
	return fmt.Sprintf("  about %s to go", short(left.Round(time.Second)))
}

// table draws the rows. If there are more than most, it draws those in flight and those that failed, and counts the
// others.
func (b *board) table(now time.Time, f frame, most int) []string {
	columns := b.columns(f)
	if len(b.rows) <= most {
		return draw(b.rows, now, f, columns)
	}
	most = max(most-1, 1)
	var shown []*row
	for _, urgent := range []bool{true, false} {
		for _, r := range b.rows {
			if r.needsAttention() == urgent && len(shown) < most {
				shown = append(shown, r)
			}
		}
	}
	more := fmt.Sprintf("  and %d more", len(b.rows)-len(shown))
	return append(draw(shown, now, f, columns), f.line(cell{more, dim}))
}

func draw(rows []*row, now time.Time, f frame, columns columns) []string {
	var lines []string
	for _, r := range rows {
		lines = append(lines, f.line(r.cells(now, columns)...))
	}
	return lines
}

// columns are the widths of a row's columns. A column of width zero is left out.
type columns struct{ name, phase, time, health, bar int }

func (b *board) columns(f frame) columns {
	c := columns{phase: len("undo deregister"), time: 6, bar: 16}
	for _, r := range b.rows {
		c.name = max(c.name, lipgloss.Width(r.name))
	}
	c.name = min(c.name, max(8, f.width/3))
	if f.width < 60 {
		c.phase, c.bar = len("deregister"), 0
	}
	if f.width >= 110 {
		c.health = 30
	}
	return c
}

// needsAttention reports whether a row is one that people need to see first.
func (r *row) needsAttention() bool {
	return r.outcome == "" && r.step != "" && !r.idle || r.failure != ""
}

func (r *row) cells(now time.Time, c columns) []cell {
	glyph, style := r.glyph()
	cells := []cell{
		{glyph + " ", style},
		{pad(r.name, c.name) + "  ", normal},
		{pad(r.phase(), c.phase) + "  ", style},
		{fmt.Sprintf("%*s  ", c.time, r.clock(now)), dim},
	}
	text := r.lastColumn(c)
	if c.health > 0 && text == "" {
		return append(cells, cell{r.health, normal}) // with all the room there is
	}
	if c.health > 0 {
		cells = append(cells, cell{pad(r.health, c.health) + "  ", normal})
	}
	return append(cells, cell{text, normal})
}

// glyph returns a sign for the state of a row: done, failed, in flight, on its way back, waiting.
func (r *row) glyph() (string, lipgloss.Style) {
	switch {
	case r.outcome == rollout.Updated, r.outcome == rollout.Unchanged:
		return "✓", good
	case r.outcome == "" && r.undo:
		return "↩", bad
	case r.outcome == rollout.Restored, r.outcome == rollout.OutOfService, r.failure != "":
		return "✗", bad
	case r.step == "", r.idle, r.outcome != "":
		return "·", dim
	default:
		return "●", active
	}
}

func (r *row) phase() string {
	switch {
	case r.outcome != "":
		return Clean(string(r.outcome))
	case r.step == "":
		return "waiting"
	case r.idle:
		return "prepared"
	case r.undo:
		return "undo " + Clean(string(r.step))
	default:
		return Clean(string(r.step))
	}
}

// clock returns the time in the current step, or the time that the instance took in all.
func (r *row) clock(now time.Time) string {
	switch {
	case r.begun.IsZero():
		return ""
	case r.outcome != "":
		return short(since(r.begun, r.ended))
	default:
		return short(since(r.since, now).Truncate(time.Second))
	}
}

// lastColumn returns the last column: why the instance failed, how far the pull is, or what it waits for.
func (r *row) lastColumn(c columns) string {
	switch {
	case r.failure != "":
		return r.failure
	case r.outcome == "" && r.progress.Total > 0:
		return bar(r.progress, c.bar)
	case c.health > 0 && showsHealth(r.step):
		return "" // the load balancer's health has a column of its own
	default:
		return r.detail
	}
}

// bar draws how much of a pull is done: in width cells, then in figures.
func bar(p rollout.Progress, width int) string {
	done := percent(p)
	if width == 0 {
		return fmt.Sprintf("%d %%", done)
	}
	full := done * width / 100
	return fmt.Sprintf("%s%s %3d %% of %s", strings.Repeat("█", full), strings.Repeat("░", width-full), done, megabytes(p.Total))
}
