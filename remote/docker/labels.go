package docker

import "strings"

// Labels on the containers this package creates. An image may carry the two
// signals and the count itself: containers inherit an image's labels.
const (
	// LabelDrain and LabelUndrain name the signals that tell the service to send
	// its clients away, and to take that back. Either may arrive twice.
	LabelDrain   = "dev.growl.drain"
	LabelUndrain = "dev.growl.undrain"
	// LabelConnections names the file, as the container sees it, in which the service
	// keeps its count of connections: a decimal number, replaced in place. Where a
	// mount puts it on the instance it is read there, and the service is not asked.
	LabelConnections = "dev.growl.connections"
	// LabelRelease is the digest the container was created from, "sha256:…".
	LabelRelease = "dev.growl.release"
	// LabelRun names the run that created the container.
	LabelRun = "dev.growl.run"
	// LabelPreviousRestart is the restart policy of the container this one
	// replaces: what going back restores.
	LabelPreviousRestart = "dev.growl.previous-restart"
)

// reserved is the prefix of labels that only this package writes.
const reserved = "dev.growl."

// labels are those of a new container.
func (s Spec) labels(release, run, previousRestart string) map[string]string {
	labels := map[string]string{LabelRelease: release}
	for name, value := range s.Labels {
		labels[name] = value
	}
	for name, value := range map[string]string{
		LabelDrain: s.DrainSignal, LabelUndrain: s.UndrainSignal,
		LabelRun: run, LabelPreviousRestart: previousRestart,
	} {
		if value != "" {
			labels[name] = value
		}
	}
	return labels
}

func isReserved(label string) bool { return strings.HasPrefix(label, reserved) }
