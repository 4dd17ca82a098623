package probe_test

import (
	"testing"
	"time"

	"github.com/growl-dev/deploy/probe"
)

// BenchmarkRate checks that the probe keeps a rate of 5,000 new connections a second. The metric kept/s counts the
// answers.
func BenchmarkRate(b *testing.B) {
	const rate = 5000
	url := serve(b, func(int) (string, bool) { return okAndClose("abc"), false })
	for b.Loop() {
		begun := time.Now()
		p, err := probe.Start(b.Context(), probe.Options{URL: url, Rate: rate, KeepAlive: -1})
		if err != nil {
			b.Fatal(err)
		}
		<-time.After(2 * time.Second)
		r := p.Stop()
		if r.Failed > 0 {
			b.Errorf("%s", r)
		}
		b.ReportMetric(float64(r.Requests)/time.Since(begun).Seconds(), "kept/s")
	}
}
