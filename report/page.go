package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// HTML returns the run as one page that loads nothing else: the receipt, a bar for each step of each instance, the
// capacity of the fleet and the requests of the probe over time, and what went wrong.
func (d Document) HTML() ([]byte, error) {
	d = d.cleaned()
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, newPage(d)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// page is a run as the template shows it. Its texts are clean.
type page struct {
	Document
	Good     bool
	Ending   string
	Receipt  []string
	Began    string
	Took     string
	Steps    []rollout.StepName
	Legend   []rollout.StepName // the steps that any instance reached
	Rows     []pageRow
	Ticks    []pageTick
	Capacity *capacityChart
	Requests *requestChart
	Troubles []trouble
}

// pageRow is an instance, with its bars from left to right.
type pageRow struct {
	Name, ID, Zone string
	Outcome        rollout.InstanceOutcome
	Bars           []pageBar
}

// pageBar is a step, placed in percent of the run's time.
type pageBar struct {
	Left, Width float64
	Step        rollout.StepName
	Undo        bool
	// Evidence describes what the step saw, and Failed is set if it failed.
	Evidence string
	Failed   bool
}

// pageTick is a moment on the axis of time, in percent of the run's time.
type pageTick struct {
	Left  float64
	Label string
}

func newPage(d Document) page {
	p := page{
		Document: d,
		Good:     d.Outcome.ExitCode() == 0,
		Ending:   strings.ReplaceAll(Clean(string(d.Outcome)), "_", " "),
		Receipt:  strings.Split(Receipt(d), "\n"),
		Began:    d.Started.UTC().Format("2006-01-02 15:04:05 MST"),
		Took:     elapsed(d),
		Steps:    rollout.Steps(),
		Legend:   taken(d.Instances),
		Troubles: troubles(d),
	}
	axis := axisOf(d)
	p.Ticks, p.Capacity, p.Requests = axis.ticks(), newCapacityChart(d, axis), newRequestChart(d, axis)
	for _, i := range d.Instances {
		row := pageRow{Name: Clean(i.Name), ID: Clean(i.ID), Zone: Clean(i.Zone), Outcome: i.Outcome}
		for _, s := range i.Steps {
			row.Bars = append(row.Bars, axis.bar(s))
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// axis is the time of a run, from which places on the page are computed.
type axis struct {
	began  time.Time
	length time.Duration
}

// axisOf returns the axis of a run. A step may end after the run's own end, where a recovery finished it.
func axisOf(d Document) axis {
	a := axis{d.Started, since(d.Started, d.Finished)}
	for _, i := range d.Instances {
		for _, s := range i.Steps {
			a.length = max(a.length, since(a.began, s.Finished))
		}
	}
	return axis{a.began, max(a.length, time.Millisecond)}
}

// place returns a moment in percent of the axis.
func (a axis) place(at time.Time) float64 {
	return min(100*float64(since(a.began, at))/float64(a.length), 100)
}

func (a axis) bar(s rollout.StepResult) pageBar {
	left := a.place(s.Started)
	evidence := s.Detail
	if s.Error != "" {
		evidence = s.Error
	}
	return pageBar{left, a.place(s.Finished) - left, s.Name, s.Undo, stepTitle(s) + suffix(evidence), s.Error != ""}
}

// stepTitle returns a step with its length, such as "drain 12s" and "undo stop 3.1s".
func stepTitle(s rollout.StepResult) string {
	name := string(s.Name)
	if s.Undo {
		name = "undo " + name
	}
	return name + " " + short(since(s.Started, s.Finished))
}

func suffix(evidence string) string {
	if evidence == "" {
		return ""
	}
	return ": " + evidence
}

// ticks returns moments on the axis at a round distance, at most ten.
func (a axis) ticks() []pageTick {
	distances := []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
	distance := time.Hour
	if fits := slices.IndexFunc(distances, func(d time.Duration) bool { return a.length/d <= 10 }); fits >= 0 {
		distance = distances[fits]
	}
	var ticks []pageTick
	for at := time.Duration(0); at <= a.length; at += distance {
		ticks = append(ticks, pageTick{a.place(a.began.Add(at)), short(at)})
	}
	return ticks
}
