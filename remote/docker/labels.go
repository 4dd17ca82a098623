package docker

import (
	"cmp"
	"maps"
	"strings"

	"github.com/growl-dev/deploy/rollout"
)

// Label identifies one of this package's labels. [Spec.Label] returns its whole name, which begins with the spec's
// LabelPrefix.
type Label string

// Labels on the containers that this package creates. An image may have the two signals and the count itself, because
// containers inherit an image's labels.
const (
	// LabelDrain and LabelUndrain name the signals that make the service send its clients away, and take that back.
	// Either may arrive twice.
	LabelDrain   Label = "drain"
	LabelUndrain Label = "undrain"
	// LabelConnections names the file, as the container sees it, in which the service keeps its count of connections: a
	// decimal number, replaced in place. If a mount makes it visible on the instance, it is read there instead of
	// requesting the version path.
	LabelConnections Label = "connections"
	// LabelRelease is the digest that the container was created from, "sha256:…".
	LabelRelease Label = "release"
	// LabelRun names the run that created the container.
	LabelRun Label = "run"
	// LabelPreviousRestart is the restart policy of the container that this one replaces, which going back restores.
	LabelPreviousRestart Label = "previous-restart"
	// LabelPreviousEvidence is what the container that this one replaces showed while it served, if that is not 200 on the
	// health path: another status, or "none". It counts as put back when it shows that again.
	LabelPreviousEvidence Label = "previous-evidence"
)

// Label returns a label's whole name, such as "internal.deploy.drain".
func (s Spec) Label(label Label) string { return s.reserved() + string(label) }

// reserved returns the prefix of the labels that only this package writes.
func (s Spec) reserved() string { return cmp.Or(s.LabelPrefix, DefaultLabelPrefix) + "." }

// FixedLabels returns the labels of every container of the spec, whatever its release and whoever creates it.
func (s Spec) FixedLabels() map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, s.Labels)
	s.set(labels, map[Label]string{LabelDrain: s.DrainSignal, LabelUndrain: s.UndrainSignal})
	return labels
}

// labels returns the labels of a container that the swap creates.
func (s *swapper) labels(r rollout.Release, previousRestart string) map[string]string {
	labels := s.spec.FixedLabels()
	s.spec.set(labels, map[Label]string{
		LabelRelease: r.Digest(), LabelRun: s.run, LabelPreviousRestart: previousRestart,
		LabelPreviousEvidence: strings.TrimPrefix(string(s.before), string(isHealthy)),
	})
	return labels
}

// set adds those of our labels that have a value, because an empty one would hide an image's.
func (s Spec) set(labels map[string]string, ours map[Label]string) {
	for label, value := range ours {
		if value != "" {
			labels[s.Label(label)] = value
		}
	}
}

func (s Spec) isReserved(label string) bool { return strings.HasPrefix(label, s.reserved()) }
