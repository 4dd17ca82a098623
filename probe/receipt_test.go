package probe_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
)

func TestReceiptString(t *testing.T) {
	good := probe.Receipt{Requests: 9120, LongestGap: 11*time.Millisecond + 400*time.Microsecond}
	assert.Equal(t, "9120 requests · 0 failed · longest gap 11ms", good.String())

	bad := probe.Receipt{Requests: 100, Failed: 7, LongestGap: 1234567 * time.Microsecond,
		ByError: map[string]int64{"timeout": 1, "reset": 4, "eof before answer": 1, "status 503": 1}}
	assert.Equal(t, "100 requests · 7 failed (4 reset, 1 eof before answer, 1 status 503, 1 timeout) · longest gap 1.235s", bad.String())
}

func TestReceiptJSON(t *testing.T) {
	text, err := json.Marshal(probe.Receipt{})
	require.NoError(t, err)
	assert.JSONEq(t, `{"requests":0,"failed":0,"by_error":{},"longest_gap_ms":0}`, string(text))

	r := probe.Receipt{Requests: 3, Failed: 1, ByError: map[string]int64{"reset": 1},
		LongestGap: 12 * time.Millisecond, Answers: map[string]int64{"abc": 2}}
	text, err = json.Marshal(r)
	require.NoError(t, err)
	assert.JSONEq(t, `{"requests":3,"failed":1,"by_error":{"reset":1},"longest_gap_ms":12,"answers":{"abc":2}}`, string(text))
	var back probe.Receipt
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, r, back)
}
