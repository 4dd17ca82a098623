package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
)

// signal is one of the kinds of telemetry, as the names of the variables hold it.
type signal string

const (
	traces  signal = "TRACES"
	metrics signal = "METRICS"
)

// wanted reports whether the variables name a collector for a signal. A value that this package cannot follow is an
// error.
func (s signal) wanted() (bool, error) {
	endpoint := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+string(s)+"_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	if endpoint == "" || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch exporter := os.Getenv("OTEL_" + string(s) + "_EXPORTER"); exporter {
	case "", "otlp":
	case "none":
		return false, nil
	default:
		return false, fmt.Errorf("OTEL_%s_EXPORTER=%s: want otlp or none", s, exporter)
	}
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+string(s)+"_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	if protocol != "http/protobuf" {
		return false, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL=%s: want http/protobuf, to which collectors listen on port 4318", protocol)
	}
	return true, nil
}

// exporters returns the exporter of each signal that is wanted; nil for one that is not. They read the endpoint, the
// headers, the timeout and the certificates from the standard variables.
func exporters(ctx context.Context) (spans trace.SpanExporter, points metric.Exporter, err error) {
	sends, err := traces.wanted()
	if err != nil {
		return nil, nil, err
	}
	measures, err := metrics.wanted()
	if err != nil {
		return nil, nil, err
	}
	if sends {
		if spans, err = otlptracehttp.New(ctx); err != nil {
			return nil, nil, err
		}
	}
	if measures {
		points, err = otlpmetrichttp.New(ctx)
	}
	return spans, points, err
}

// parent returns ctx with the span that TRACEPARENT and TRACESTATE name, if they do.
func parent(ctx context.Context) context.Context {
	carrier := propagation.MapCarrier{"traceparent": os.Getenv("TRACEPARENT"), "tracestate": os.Getenv("TRACESTATE")}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}
