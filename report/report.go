package report

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/growl-dev/deploy/rollout"
)

// Reporter shows a run while it happens and how it ended.
type Reporter interface {
	// Observe receives one event. It may wait for the reader of the output, so that a run needs a [Buffer] before it.
	Observe(e rollout.Event)
	// Finish shows how the run ended, with its [Receipt]. It is called once, after the last event.
	Finish(d Document)
}

// Options add to the events what a reporter shows. The zero value is usable.
type Options struct {
	// Environment and Release head the output.
	Environment string
	Release     rollout.Release
	// Instances are the fleet, in the order of the rows. An instance that is not listed gets its row at its first
	// event.
	Instances []rollout.Instance
	// Started is the moment from which elapsed time counts. Zero: the first event.
	Started time.Time
	// Footer returns a line to show below the live view, such as a probe's running receipt. It is called several times
	// a second and must be quick. Nil: no such line.
	Footer func() string
	// Getenv reads the environment. Nil: os.Getenv.
	Getenv func(string) string
}

func (o Options) getenv(key string) string {
	if o.Getenv == nil {
		return os.Getenv(key)
	}
	return o.Getenv(key)
}

// New returns a live view if w is a terminal that can show one, and plain lines otherwise: in CI (CI is set, and not to
// "false"), on a dumb terminal (TERM is "dumb" or empty), in a file or a pipe.
func New(w io.Writer, o Options) Reporter {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && canDraw(o) {
		return NewLive(w, o)
	}
	return newPlain(w, o)
}

func canDraw(o Options) bool {
	ci, kind := o.getenv("CI"), o.getenv("TERM")
	return (ci == "" || ci == "false") && kind != "" && kind != "dumb"
}
