package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	otelmetric "go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// measure sends the metrics of a run that has ended: how long it took, its instances by outcome, and the requests of the
// probe.
func (r *Run) measure(ctx context.Context, d report.Document, err error) error {
	if r.points == nil {
		return nil
	}
	reader := metric.NewManualReader(metric.WithTemporalitySelector(r.points.Temporality), metric.WithAggregationSelector(r.points.Aggregation))
	meters := metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(described()))
	record(ctx, meters.Meter("github.com/growl-dev/deploy"), d, append(r.attributes(), ending(d, err)...))
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		return err
	}
	if err := r.points.Export(ctx, &all); err != nil {
		return err
	}
	return r.points.Shutdown(ctx)
}

// record records the metrics. The names are constants that the SDK accepts, so that no instrument fails to be made.
func record(ctx context.Context, meter otelmetric.Meter, d report.Document, about []attribute.KeyValue) {
	with := otelmetric.WithAttributes(about...)
	duration, _ := meter.Float64Histogram("cicd.pipeline.run.duration", otelmetric.WithUnit("s"))
	duration.Record(ctx, d.Finished.Sub(d.Started).Seconds(), with)

	instances, _ := meter.Int64Counter("deployment.instances", otelmetric.WithUnit("{instance}"))
	counts := map[rollout.InstanceOutcome]int64{}
	for _, i := range d.Instances {
		counts[i.Outcome]++
	}
	for outcome, n := range counts {
		instances.Add(ctx, n, with, otelmetric.WithAttributes(attribute.String("deployment.instance.outcome", string(outcome))))
	}
	if d.Traffic == nil {
		return
	}
	requests, _ := meter.Int64Counter("deployment.probe.requests", otelmetric.WithUnit("{request}"))
	requests.Add(ctx, d.Traffic.Requests-d.Traffic.Failed, with, otelmetric.WithAttributes(attribute.Bool("failed", false)))
	requests.Add(ctx, d.Traffic.Failed, with, otelmetric.WithAttributes(attribute.Bool("failed", true)))
}
