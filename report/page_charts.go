package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// Charts are drawn in a box of this size, which the page stretches.
const (
	chartWidth  = 1000
	chartHeight = 100
)

// capacityChart shows how many instances were registered and healthy over time, as far as the run changed that.
type capacityChart struct {
	All, Least          int
	Registered, Healthy string // paths in the box
}

// change is a moment at which an instance left the target groups, returned to them, or became healthy.
type change struct {
	at                  time.Time
	registered, healthy int
}

// newCapacityChart returns nil if the run deregistered no instance.
func newCapacityChart(d Document, a axis) *capacityChart {
	var changes []change
	for _, i := range d.Instances {
		changes = append(changes, changesOf(i)...)
	}
	if len(changes) == 0 {
		return nil
	}
	slices.SortStableFunc(changes, func(x, y change) int { return cmp.Compare(x.at.UnixNano(), y.at.UnixNano()) })
	all := len(d.Instances)
	c := &capacityChart{All: all, Least: all}
	healthy := all
	for _, ch := range changes {
		healthy += ch.healthy
		c.Least = min(c.Least, healthy)
	}
	c.Registered = stepPath(a, all, changes, func(ch change) int { return ch.registered })
	c.Healthy = stepPath(a, all, changes, func(ch change) int { return ch.healthy })
	return c
}

// changesOf returns the changes of one instance. It was out from the end of a deregistration to the end of a
// registration, and was healthy again when join, or the deregistration's compensation, ended well.
func changesOf(i rollout.InstanceResult) (changes []change) {
	registered, healthy := true, true
	for _, s := range i.Steps {
		in, well := registered, healthy
		switch {
		case s.Name == rollout.StepDeregister && !s.Undo, s.Name == rollout.StepRegister && s.Undo:
			in, well = false, false
		case s.Error != "":
		case s.Name == rollout.StepRegister:
			in = true
		case s.Name == rollout.StepJoin, s.Name == rollout.StepDeregister && s.Undo:
			in, well = true, true
		}
		if in != registered || well != healthy {
			changes = append(changes, change{s.Finished, toInt(in) - toInt(registered), toInt(well) - toInt(healthy)})
		}
		registered, healthy = in, well
	}
	return changes
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// stepPath returns the outline of a count over time: an SVG path in the chart's box, with its bottom line.
func stepPath(a axis, all int, changes []change, by func(change) int) string {
	var b strings.Builder
	n := all
	fmt.Fprintf(&b, "M0 %d V%s", chartHeight, level(n, all))
	for _, ch := range changes {
		if by(ch) == 0 {
			continue
		}
		n += by(ch)
		fmt.Fprintf(&b, " H%.1f V%s", a.place(ch.at)*chartWidth/100, level(n, all))
	}
	fmt.Fprintf(&b, " H%d V%d Z", chartWidth, chartHeight)
	return b.String()
}

// level returns the height of a count in the chart's box, from its top.
func level[T int | int64](n, of T) string {
	return fmt.Sprintf("%.1f", chartHeight-float64(n)*chartHeight/float64(max(of, 1)))
}

// requestChart shows the requests of the probe over time, and those of them that failed.
type requestChart struct {
	Most         int64 // requests in a second, in the fullest interval
	Sent, Failed string
}

// newRequestChart returns nil if no probe ran.
func newRequestChart(d Document, a axis) *requestChart {
	if d.Traffic == nil || len(d.Traffic.Timeline.Requests) == 0 {
		return nil
	}
	line := d.Traffic.Timeline
	most := slices.Max(line.Requests)
	draw := func(counts []int64) string {
		var b strings.Builder
		for i, n := range counts {
			if n == 0 {
				continue
			}
			from := line.Began.Add(time.Duration(int64(i)*line.IntervalMS) * time.Millisecond)
			to := from.Add(time.Duration(line.IntervalMS) * time.Millisecond)
			fmt.Fprintf(&b, "M%.1f %d V%s H%.1f V%[2]d Z ", a.place(from)*chartWidth/100, chartHeight, level(n, most), a.place(to)*chartWidth/100)
		}
		return b.String()
	}
	return &requestChart{most * 1000 / max(line.IntervalMS, 1), draw(line.Requests), draw(line.Failed)}
}
