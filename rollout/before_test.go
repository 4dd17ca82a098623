package rollout

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// TestTheResultNamesTheReleaseBefore holds that a result names the release that all healthy instances ran before, also if
// the run halted, and none if they ran several or one that nothing can go back to.
func TestTheResultNamesTheReleaseBefore(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world)
		want   string
	}{
		"one release":            {func(*world) {}, oldDigest},
		"halted":                 {func(w *world) { w.machines["i-2"].healthOK = false }, oldDigest},
		"two releases":           {func(w *world) { w.machines["i-2"].running = newDigest }, ""},
		"one that is not proven": {func(w *world) { w.machines["i-1"].unproven = "GET /ready answers 404" }, ""},
		"one that cannot be read": {func(w *world) {
			w.faults["connect/i-3"] = fault{err: assert.AnError}
		}, ""},
		"one that serves nobody": {func(w *world) { w.machines["i-3"].running = "" }, oldDigest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				test.change(w)
				result, _ := w.run(t.Context(), w.config())
				assert.Equal(t, test.want, result.Before.Digest())
			})
		})
	}
}
