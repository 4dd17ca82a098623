package telemetry_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collectmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collecttraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/telemetry"
)

// collector is an OpenTelemetry collector that keeps what it receives.
type collector struct {
	mu      sync.Mutex
	spans   map[string]*tracepb.Span // by name
	service string
	metrics map[string]int // points by the metric's name
	headers http.Header
	status  int // with which it answers; zero: 200
}

// newCollector starts a collector and names it in the standard variables.
func newCollector(t testing.TB) *collector {
	t.Helper()
	c := &collector{spans: map[string]*tracepb.Span{}, metrics: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		var request collecttraces.ExportTraceServiceRequest
		c.receive(w, r, &request, func() {
			for _, resource := range request.GetResourceSpans() {
				c.service = attributes(resource.GetResource().GetAttributes())["service.name"]
				for _, scope := range resource.GetScopeSpans() {
					for _, span := range scope.GetSpans() {
						c.spans[span.GetName()] = span
					}
				}
			}
		})
	})
	mux.HandleFunc("POST /v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		var request collectmetrics.ExportMetricsServiceRequest
		c.receive(w, r, &request, func() {
			for _, resource := range request.GetResourceMetrics() {
				for _, scope := range resource.GetScopeMetrics() {
					for _, m := range scope.GetMetrics() {
						c.metrics[m.GetName()] = len(m.GetSum().GetDataPoints()) + len(m.GetHistogram().GetDataPoints())
					}
				}
			}
		})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	return c
}

func (c *collector) receive(w http.ResponseWriter, r *http.Request, request proto.Message, keep func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = r.Header
	body, err := io.ReadAll(r.Body)
	if err != nil || proto.Unmarshal(body, request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	keep()
	if c.status != 0 {
		w.WriteHeader(c.status)
	}
}

func attributes(all []*common.KeyValue) map[string]string {
	texts := map[string]string{}
	for _, a := range all {
		texts[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return texts
}

// played makes a run of two instances, of which the second is put back.
func played(t *testing.T) error {
	t.Helper()
	r, err := telemetry.Start(t.Context(), "orders-api", "live")
	require.NoError(t, err)
	began := time.Now()
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	broken := errors.New("container orders-api exited with code 2")
	for _, e := range []rollout.Event{
		{Time: at(0), Kind: rollout.Forecast, Left: time.Minute},
		{Time: at(1), Instance: "i-0a", Step: rollout.StepDrain, Kind: rollout.StepBegun},
		{Time: at(2), Instance: "i-0a", Step: rollout.StepDrain, Kind: rollout.StepMoved, Detail: "3 connections open"},
		{Time: at(8), Instance: "i-0a", Step: rollout.StepDrain, Kind: rollout.StepDone, Detail: "quiet after 7s"},
		{Time: at(9), Instance: "i-0a", Kind: rollout.InstanceEnded, Detail: "updated"},
		{Time: at(10), Instance: "i-0b", Step: rollout.StepProve, Kind: rollout.StepBegun},
		{Time: at(11), Instance: "i-0b", Step: rollout.StepProve, Kind: rollout.StepFailed, Err: broken},
		{Time: at(12), Instance: "i-0b", Step: rollout.StepStop, Kind: rollout.UndoBegun},
		{Time: at(13), Instance: "i-0b", Step: rollout.StepStop, Kind: rollout.UndoDone},
		{Time: at(14), Instance: "i-0b", Kind: rollout.InstanceEnded, Detail: "restored", Err: broken},
		{Time: at(15), Kind: rollout.Remarked, Detail: "no alarms are named"},
	} {
		r.Observe(e)
	}
	return r.Finish(t.Context(), report.Document{
		Result: rollout.Result{
			Run: "20261129T120000Z-0a0b", Outcome: rollout.Mixed, Started: at(0), Finished: at(15),
			Instances: []rollout.InstanceResult{{ID: "i-0a", Outcome: rollout.Updated}, {ID: "i-0b", Outcome: rollout.Restored}},
		},
		Traffic: &probe.Receipt{Requests: 100, Failed: 1},
	}, broken)
}

func TestRunIsATrace(t *testing.T) {
	c := newCollector(t)
	t.Setenv("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	t.Setenv("OTEL_SERVICE_NAME", "shipping")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-token=0a0b")
	require.NoError(t, played(t))

	assert.Equal(t, []string{"RUN deploy orders-api", "drain", "instance i-0a", "instance i-0b", "prove", "undo stop"}, slices.Sorted(maps.Keys(c.spans)))
	assert.Equal(t, "shipping", c.service)
	assert.Equal(t, "0a0b", c.headers.Get("x-token"))
	root, first, drain, prove := c.spans["RUN deploy orders-api"], c.spans["instance i-0a"], c.spans["drain"], c.spans["prove"]
	assert.Equal(t, []byte("\x00\xf0\x67\xaa\x0b\xa9\x02\xb7"), root.GetParentSpanId(), "the run belongs to the trace of the CI job")
	assert.Equal(t, root.GetSpanId(), first.GetParentSpanId())
	assert.Equal(t, first.GetSpanId(), drain.GetParentSpanId())
	assert.EqualValues(t, 7*time.Second, drain.GetEndTimeUnixNano()-drain.GetStartTimeUnixNano())
	assert.Equal(t, "quiet after 7s", attributes(drain.GetEvents()[0].GetAttributes())["deployment.evidence"])
	assert.Equal(t, tracepb.Status_STATUS_CODE_ERROR, prove.GetStatus().GetCode())
	assert.Equal(t, "container orders-api exited with code 2", prove.GetStatus().GetMessage())
	about := attributes(root.GetAttributes())
	assert.Equal(t, "live", about["deployment.environment.name"])
	assert.Equal(t, "failure", about["cicd.pipeline.result"])
	assert.Equal(t, "20261129T120000Z-0a0b", about["cicd.pipeline.run.id"])
	assert.Equal(t, map[string]int{"cicd.pipeline.run.duration": 1, "deployment.instances": 2, "deployment.probe.requests": 2}, c.metrics)
}

func TestNothingIsSentWithoutTheVariables(t *testing.T) {
	c := newCollector(t)
	endpoint := map[string]string{"no endpoint": "", "disabled": "true"}
	for name, disabled := range endpoint {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_SDK_DISABLED", disabled)
			if disabled == "" {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
			}
			require.NoError(t, played(t))
		})
	}
	assert.Empty(t, c.spans)
	assert.Empty(t, c.metrics)
}

func TestOneSignalAlone(t *testing.T) {
	c := newCollector(t)
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	require.NoError(t, played(t))
	assert.Empty(t, c.spans)
	assert.Len(t, c.metrics, 3)
}

func TestSettingsThatCannotBeFollowed(t *testing.T) {
	newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	_, err := telemetry.Start(t.Context(), "orders-api", "live")
	require.EqualError(t, err, "send telemetry: OTEL_EXPORTER_OTLP_PROTOCOL=grpc: want http/protobuf, to which collectors listen on port 4318")
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "")
	_, err = telemetry.Start(t.Context(), "orders-api", "live")
	require.EqualError(t, err, "send telemetry: OTEL_METRICS_EXPORTER=prometheus: want otlp or none")
}

func TestACollectorThatRefusesIsNamed(t *testing.T) {
	c := newCollector(t)
	c.status = http.StatusForbidden
	err := played(t)
	require.ErrorContains(t, err, "send telemetry: ")
	require.ErrorContains(t, err, "403")
	assert.NotContains(t, err.Error(), "\n")
}
