package report

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// step returns a step of a run, from and to so many seconds after its beginning.
func step(name rollout.StepName, from, to float64) rollout.StepResult {
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	return rollout.StepResult{Name: name, Started: at(from), Finished: at(to), Detail: "it took as long as " + string(name) + " takes"}
}

func undoneStep(name rollout.StepName, from, to float64) rollout.StepResult {
	s := step(name, from, to)
	s.Undo = true
	return s
}

// pageDocument returns a run of one instance that was updated, one that was put back, and some that were not touched.
func pageDocument(instances int) Document {
	first := updated("i-0a")
	first.Name, first.Steps = "web-1", []rollout.StepResult{
		step(rollout.StepPrepare, 0, 2), step(rollout.StepDeregister, 2, 2.1), step(rollout.StepDrain, 2.1, 9), step(rollout.StepStop, 9, 9.2),
		step(rollout.StepStart, 9.2, 9.4), step(rollout.StepProve, 9.4, 10), step(rollout.StepRegister, 10, 10.1), step(rollout.StepJoin, 10.1, 15),
	}
	failed := step(rollout.StepProve, 24, 25)
	failed.Error = "container <b>web</b> exited with code 2"
	second := ended("i-0b", rollout.Restored, failed.Error)
	second.Steps = []rollout.StepResult{
		step(rollout.StepDeregister, 16, 16.1), step(rollout.StepDrain, 16.1, 23), step(rollout.StepStop, 23, 24), failed,
		undoneStep(rollout.StepStop, 25, 30), undoneStep(rollout.StepDeregister, 30, 40),
	}
	d := document(rollout.RolledBack, first, second)
	for i := len(d.Instances); i < instances; i++ {
		d.Instances = append(d.Instances, ended(fmt.Sprintf("i-%017x", i), rollout.Pending, ""))
	}
	d.Policy = rollout.DefaultPolicy().String()
	d.Traffic = &probe.Receipt{Requests: 900, Failed: 3, ByError: map[string]int64{"reset": 3}, Timeline: probe.Timeline{
		Began: began, IntervalMS: 20_000, Requests: []int64{400, 500}, Failed: []int64{0, 3},
	}}
	return d
}

func TestPageShowsTheRun(t *testing.T) {
	text, err := pageDocument(3).HTML()
	require.NoError(t, err)
	page := html.UnescapeString(string(text))
	assert.Contains(t, page, ">rolled back</span>")
	assert.Contains(t, page, "web-1<br>")
	assert.Contains(t, page, "drain 6.9s: it took as long as drain takes")
	assert.Contains(t, page, "undo stop 5s")
	assert.Contains(t, page, "3 instances, never fewer than 2 of them healthy")
	assert.Contains(t, page, "900 requests · 3 failed (3 reset)")
	assert.Contains(t, string(text), "container &lt;b&gt;web&lt;/b&gt; exited", "text from elsewhere is no markup")
	assert.NotContains(t, string(text), "ZgotmplZ")
	for _, loads := range []string{"<script", "<link", "src=", "url(", "@import"} {
		assert.NotContains(t, string(text), loads, "the page loads nothing")
	}
}

func TestPageOfARunThatTouchedNothing(t *testing.T) {
	d := document(rollout.Refused)
	d.Error = "gate drift: 2 resources differ"
	text, err := d.HTML()
	require.NoError(t, err)
	assert.Contains(t, string(text), "gate drift: 2 resources differ")
	for _, part := range []string{"Instances", "Capacity", "Requests"} {
		assert.NotContains(t, string(text), "<h2>"+part)
	}
}

func TestCapacityFollowsTheSteps(t *testing.T) {
	d := pageDocument(2)
	c := newCapacityChart(d, axisOf(d))
	require.NotNil(t, c)
	assert.Equal(t, 2, c.All)
	assert.Equal(t, 1, c.Least)
	// The axis has 41 s. The first instance is out from 2.1 s to 10.1 s and healthy again at 15 s, the second one is out
	// from 16.1 s to 40 s.
	assert.Equal(t, "M0 100 V0.0 H51.2 V50.0 H246.3 V0.0 H392.7 V50.0 H975.6 V0.0 H1000 V100 Z", c.Registered)
	assert.Equal(t, "M0 100 V0.0 H51.2 V50.0 H365.9 V0.0 H392.7 V50.0 H975.6 V0.0 H1000 V100 Z", c.Healthy)
}

func TestWriteFileWritesAPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.HTML")
	require.NoError(t, full().WriteFile(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "<!doctype html>"))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// seen is what a browser measured of a page.
type seen struct {
	Overflow  int    // pixels by which the page is wider than its window
	Ground    string // the color behind the text
	TipShown  bool   // the evidence of a focused bar is inside the window
	TipText   string
	Bars      int
	OutOfRows int // bars that stick out of their row
}

// measure is run in a frame that shows the page.
const measure = `<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow, root = page.documentElement;
  const bars = [...page.querySelectorAll(".bar")], drain = page.querySelector(".bar.drain"), tip = drain.querySelector(".tip");
  const row = page.querySelector(".bars").getBoundingClientRect();
  drain.focus();
  const box = tip.getBoundingClientRect();
  document.title = JSON.stringify({
    Overflow: root.scrollWidth - root.clientWidth,
    Ground: view.getComputedStyle(page.body).backgroundColor,
    TipShown: box.width > 0 && box.left >= 0 && box.right <= view.innerWidth && box.bottom <= view.innerHeight,
    TipText: tip.textContent,
    Bars: bars.length,
    OutOfRows: bars.filter(b => { const r = b.getBoundingClientRect(); return r.left < row.left - 1 || r.right > row.right + 1; }).length,
  });
};
</script>`

// look opens the page in a headless Chromium, in a frame of the given width, because a window has a least width.
func look(t *testing.T, d Document, width int, flags ...string) (s seen) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if chromium, err = exec.LookPath("google-chrome"); err != nil {
			t.Skip("neither chromium nor google-chrome is installed")
		}
	}
	page, err := d.HTML()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "frame.html")
	frame := fmt.Sprintf(`<!doctype html><iframe style="width:%dpx;height:800px" srcdoc="%s"></iframe>%s`, width, html.EscapeString(string(page)), measure)
	require.NoError(t, os.WriteFile(file, []byte(frame), 0o600))
	flags = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + t.TempDir(), "--window-size=1400,900", "--virtual-time-budget=10000", "--dump-dom",
	}, flags...)
	out, err := exec.CommandContext(t.Context(), chromium, append(flags, "file://"+file)...).Output()
	require.NoError(t, err)
	_, title, found := strings.Cut(string(out), "<title>")
	require.True(t, found, "the page was not measured: %.300s", out)
	title, _, _ = strings.Cut(title, "</title>")
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(title)), &s))
	return s
}

// TestPageInABrowser looks at the page on a phone's width and a wide one, light and dark.
func TestPageInABrowser(t *testing.T) {
	const lightScheme, darkScheme = "--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0"
	for _, c := range []struct {
		name         string
		width, fleet int
		scheme       string
		ground       string
	}{
		{"wide and light", 1200, 3, lightScheme, "rgb(255, 255, 255)"},
		{"wide and dark", 1200, 3, darkScheme, "rgb(20, 23, 28)"},
		{"a phone", 375, 3, darkScheme, "rgb(20, 23, 28)"},
		{"a phone and a hundred instances", 375, 100, lightScheme, "rgb(255, 255, 255)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := look(t, pageDocument(c.fleet), c.width, c.scheme)
			assert.Equal(t, seen{Ground: c.ground, TipShown: true, TipText: "drain 6.9s: it took as long as drain takes", Bars: 14}, s)
		})
	}
}
