package engine

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/moby/moby/api/types/container"
)

// wait sends the exit code when the condition holds. It sends the status line at once, so that the client can rely on
// no exit being missed from then on.
func (h *containerAPI) wait(w http.ResponseWriter, r *http.Request) error {
	h.containers.mu.Lock()
	c, err := h.containers.find(r.PathValue("id"))
	if err != nil {
		h.containers.mu.Unlock()
		return err
	}
	exits := c.exits
	h.containers.mu.Unlock()
	var met func() bool
	switch container.WaitCondition(r.URL.Query().Get("condition")) {
	case "", container.WaitConditionNotRunning:
		met = func() bool { return !c.running() || c.exits > exits || c.removed }
	case container.WaitConditionNextExit:
		met = func() bool { return c.exits > exits || c.removed }
	case container.WaitConditionRemoved:
		met = func() bool { return c.removed }
	default:
		return badRequest("invalid condition: %q", r.URL.Query().Get("condition"))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // if the client has disconnected, the context ends
	return h.answerWait(r.Context(), w, c, met)
}

func (h *containerAPI) answerWait(ctx context.Context, w http.ResponseWriter, c *unit, met func() bool) error {
	if err := h.containers.await(ctx, c, met); err != nil {
		return nil // the client has disconnected
	}
	h.containers.mu.Lock()
	response := container.WaitResponse{StatusCode: int64(c.exitCode)}
	h.containers.mu.Unlock()
	_ = json.NewEncoder(w).Encode(response)
	return nil
}
