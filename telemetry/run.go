package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// finishTimeout bounds the time that the collector gets at the end of a run.
const finishTimeout = 5 * time.Second

// mostQueued is the number of spans that wait for the collector. A fleet of a thousand has that many in a minute.
const mostQueued = 20_000

// Run sends the telemetry of one run. A nil Run sends nothing.
type Run struct {
	service, environment string

	spans  *sdktrace.TracerProvider // nil: no trace is sent
	sent   *spanExporter
	points metric.Exporter // nil: no metrics are sent
	tracer trace.Tracer

	mu        sync.Mutex
	root      place
	instances map[string]place
	steps     map[step]trace.Span
}

// place is a span with the context below which its children are.
type place struct {
	ctx  context.Context
	span trace.Span
}

// step is a step of an instance, or its compensation.
type step struct {
	instance string
	name     rollout.StepName
	undo     bool
}

// Start begins the telemetry of a run of a service in an environment. It returns nil if no variable names a collector,
// and an error for a variable that it cannot follow.
func Start(ctx context.Context, service, environment string) (*Run, error) {
	spans, points, err := exporters(ctx)
	if err != nil {
		return nil, fmt.Errorf("send telemetry: %w", oneline.Error(err))
	}
	if spans == nil && points == nil {
		return nil, nil
	}
	r := &Run{service: service, environment: environment, points: points, instances: map[string]place{}, steps: map[step]trace.Span{}}
	var options []sdktrace.TracerProviderOption
	if spans != nil {
		r.sent = &spanExporter{SpanExporter: spans}
		options = append(options, sdktrace.WithBatcher(r.sent, sdktrace.WithMaxQueueSize(mostQueued)), sdktrace.WithResource(described()))
	}
	r.spans = sdktrace.NewTracerProvider(options...)
	r.tracer = r.spans.Tracer("github.com/growl-dev/deploy")
	r.root.ctx, r.root.span = r.tracer.Start(parent(ctx), "RUN deploy "+service, trace.WithAttributes(r.attributes()...))
	return r, nil
}

// described returns the attributes of this process, with those of OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES. One
// that cannot be read is left out.
func described() *resource.Resource {
	own, _ := resource.New(context.Background(), resource.WithAttributes(attribute.String("service.name", "deploy")), resource.WithFromEnv(), resource.WithTelemetrySDK())
	return own
}

// attributes returns the attributes that the root span and every metric have.
func (r *Run) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("cicd.pipeline.name", "deploy "+r.service),
		attribute.String("cicd.pipeline.action.name", "RUN"),
		attribute.String("deployment.name", r.service),
		attribute.String("deployment.environment.name", r.environment),
	}
}

// Observe adds one event of the run to the trace. It sends nothing and returns at once.
func (r *Run) Observe(e rollout.Event) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, key := trace.WithTimestamp(e.Time), step{e.Instance, e.Step, e.Kind == rollout.UndoBegun || e.Kind == rollout.UndoDone || e.Kind == rollout.UndoFailed}
	switch e.Kind {
	case rollout.StepBegun, rollout.UndoBegun:
		r.steps[key] = r.begin(key, at)
	case rollout.StepDone, rollout.UndoDone, rollout.StepFailed, rollout.UndoFailed:
		r.end(key, e)
	case rollout.InstanceEnded:
		p := r.instance(e.Instance, at)
		p.span.SetAttributes(attribute.String("deployment.instance.outcome", report.Clean(e.Detail)))
		fail(p.span, e.Err)
		p.span.End(at)
		delete(r.instances, e.Instance)
	case rollout.Remarked:
		r.instance(e.Instance, at).span.AddEvent(report.Clean(e.Detail), at)
	}
}

// instance returns the span of an instance, which begins with its first event; for an empty ID that of the run.
func (r *Run) instance(id string, at trace.SpanStartEventOption) place {
	if id == "" {
		return r.root
	}
	p, begun := r.instances[id]
	if !begun {
		p.ctx, p.span = r.tracer.Start(r.root.ctx, "instance "+id, at, trace.WithAttributes(attribute.String("host.id", id)))
		r.instances[id] = p
	}
	return p
}

func (r *Run) begin(s step, at trace.SpanStartEventOption) trace.Span {
	name := string(s.name)
	if s.undo {
		name = "undo " + name
	}
	_, span := r.tracer.Start(r.instance(s.instance, at).ctx, name, at,
		trace.WithAttributes(attribute.String("cicd.pipeline.task.name", name), attribute.String("host.id", s.instance)))
	return span
}

// end ends the span of a step with what was seen. A step that fails before its act begins has a span of no length.
func (r *Run) end(s step, e rollout.Event) {
	at := trace.WithTimestamp(e.Time)
	span, begun := r.steps[s]
	if !begun {
		span = r.begin(s, at)
	}
	delete(r.steps, s)
	if e.Detail != "" {
		span.AddEvent("evidence", at, trace.WithAttributes(attribute.String("deployment.evidence", report.Clean(e.Detail))))
	}
	fail(span, e.Err)
	span.End(at)
}

// fail marks a span as failed, if there is an error.
func fail(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, report.Clean(err.Error()))
	}
}

// Finish ends the trace with the result of the run, and sends what was not sent yet. Its error is the collector's, and
// nothing of the run depends on it.
func (r *Run) Finish(ctx context.Context, d report.Document, err error) error {
	if r == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, span := range r.steps {
		span.End()
	}
	for _, p := range r.instances {
		p.span.End()
	}
	r.root.span.SetAttributes(append(ending(d, err), release(d)...)...)
	fail(r.root.span, err)
	r.root.span.End()
	failed := r.spans.Shutdown(ctx)
	if r.sent != nil {
		failed = cmp.Or(r.sent.failure(), failed)
	}
	failed = cmp.Or(failed, r.measure(ctx, d, err))
	if failed != nil {
		return fmt.Errorf("send telemetry: %w: the run does not depend on it, and the OTEL_EXPORTER_OTLP_* variables say where it goes", oneline.Error(cause(failed)))
	}
	return nil
}

// cause returns the part of an exporter's error that names the address and the reason.
func cause(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", request.URL, request.Err)
	}
	return err
}

// ending returns the attributes that describe how a run ended.
func ending(d report.Document, err error) []attribute.KeyValue {
	result, status := "success", "succeeded"
	switch {
	case d.Outcome == rollout.Interrupted:
		result, status = "cancellation", "failed"
	case d.Outcome == rollout.Skipped:
		result = "skip"
	case err != nil:
		result, status = "failure", "failed"
	}
	return []attribute.KeyValue{
		attribute.String("cicd.pipeline.result", result),
		attribute.String("deployment.status", status),
		attribute.String("deployment.outcome", string(d.Outcome)),
	}
}

// release returns the attributes that describe the run and what it rolled out.
func release(d report.Document) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("cicd.pipeline.run.id", d.Run),
		attribute.String("deployment.release", report.Clean(d.Release.String())),
		attribute.String("container.image.id", d.Release.Digest()),
		attribute.String("vcs.ref.head.revision", report.Clean(d.Release.Commit)),
	}
}

// spanExporter keeps the last error of an exporter, because the SDK would print it in the middle of a run.
type spanExporter struct {
	sdktrace.SpanExporter
	mu   sync.Mutex
	last error
}

func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.last = err
	}
	return nil
}

func (e *spanExporter) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}
