// Package telemetry sends a run to an OpenTelemetry collector: as a trace, with a span for the run and below it one for
// each instance and each of its steps, and as a few metrics. A collector is named by the standard variables, of which
// OTEL_EXPORTER_OTLP_ENDPOINT is the first. Without them nothing is sent. TRACEPARENT makes the run a part of the trace
// of the CI job that started it.
package telemetry
