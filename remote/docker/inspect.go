package docker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
)

// Inspect returns the instance's ID and describes the container that has the service's port. A container whose stop was
// requested never counts as running.
func (h *Host) Inspect(ctx context.Context) (rollout.State, error) {
	list, err := h.listContainers(ctx)
	if err != nil {
		return rollout.State{}, err
	}
	state := rollout.State{InstanceID: h.identity, Remarks: h.leftovers(list)}
	found := list.current
	if found == nil {
		found = list.previous
	}
	if found == nil {
		state.Missing = h.spec.noneFound() + nameWhatRuns
		return state, nil
	}
	state.Container = found.ID
	state.Running = running(found) && !same(found, list.previous)
	details, err := h.engine.inspect(ctx, found.ID)
	if err != nil {
		return rollout.State{}, fmt.Errorf("inspect container %s: %w", title(found), err)
	}
	if s := list.serving(); same(s, found) {
		h.traffic.found(s, details)
	}
	if state.Running {
		if _, err := h.service.of(details).evidence(ctx); err != nil {
			state.Unproven = err.Error()
		}
	}
	state.Release, state.SameImage, err = h.images.release(ctx, details)
	if err != nil {
		return rollout.State{}, fmt.Errorf("inspect container %s: %w", title(found), err)
	}
	if state.Release.Image == "" {
		state.Remarks = append(state.Remarks, fmt.Sprintf("image %s has no registry's digest: it was built on the instance", state.Release.Tag))
	}
	state.Since = started(details)
	return state, nil
}

// noneFound returns a sentence that says which container was looked for.
func (s Spec) noneFound() string {
	return fmt.Sprintf("no container is called %s or publishes port %d (a process outside of Docker, or host networking under another name?)", s.Name, s.HostPort)
}

// nameWhatRuns is the remedy if a service runs and was not found.
const nameWhatRuns = ": set Name and HostPort of the service's container to what runs there; what is outside of Docker has to be stopped by hand first"

// leftovers returns remarks about containers that earlier runs left behind, and about anything else that is unusual.
func (h *Host) leftovers(c containers) []string {
	var remarks []string
	if s := c.previous; s != nil {
		remarks = append(remarks, fmt.Sprintf("container %s (%s) is the one of before, kept because a run was broken off before it removed that: heal or the next update removes it", title(s), s.State))
	}
	if s := c.next; s != nil {
		remarks = append(remarks, fmt.Sprintf("container %s (%s) is of a run that has not finished", title(s), s.State))
	}
	if c.current == nil {
		return remarks
	}
	if _, ours := c.current.Labels[h.spec.Label(LabelRelease)]; !ours {
		remarks = append(remarks, fmt.Sprintf("container %s was not created by a rollout: it is adopted", title(c.current)))
	}
	if c.current.HostConfig.NetworkMode == hostNetwork && h.spec.CountField == "" {
		remarks = append(remarks, "connections cannot be counted: host networking, and no count of the service's own")
	}
	return remarks
}

// started returns when the container was last started; zero if the engine does not report it.
func started(found container.InspectResponse) time.Time {
	if found.State == nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, found.State.StartedAt)
	if err != nil {
		return time.Time{}
	}
	return at
}

// title returns a container's name, or its short ID if it has none.
func title(s *container.Summary) string {
	names := slices.Sorted(slices.Values(s.Names))
	if len(names) == 0 {
		return fmt.Sprintf("%.12s", s.ID)
	}
	return names[0][1:]
}
