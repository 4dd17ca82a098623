package growl_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// leaked is the value in the env file that the release prints.
const leaked = `0-kanari/one two+"three"`

// TestALeakyReleaseLeaksNothing: a release prints its secrets in many forms and in parts,
// and then exits. People see the rest of its last lines, in which nothing drives a terminal
// or GitHub's runner, and the history has none of them.
func TestALeakyReleaseLeaksNothing(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStack(t, "-instances=2", "-fault=leaky-image")
	s.onInstances("SECRET=" + leaked + "\nLOGIN=postgres://ann:kanari-4@db:5432/x\nLIST=kanari-5,kanari-6\nQUOTED=\"kanari 7 of 7\"  \n")
	file, summary := s.path("report.json"), s.path("summary.md")
	code, output := s.run([]string{"GITHUB_STEP_SUMMARY=" + summary, "GITHUB_ACTIONS=true"}, append(s.deploy(s.vars["V2"]), "-report="+file)...)
	require.Equal(t, rollout.RolledBack.ExitCode(), code, "%s", output)

	reported, page := read(t, file), read(t, summary)
	var document report.Document
	require.NoError(t, json.Unmarshal([]byte(reported), &document))
	log := document.Instances[0].Log
	require.Len(t, log, 10, "%s", reported)
	text := strings.Join(log, "\n")
	for _, shown := range []string{"plain: ", "json: ", "query: ?t=", "base64: ", "hex: ", "parts: ", "bare: ", "xxx long: ", "hostile: ", "growl-backend: fatal: it prints what it should not"} {
		assert.Contains(t, text, shown, "its last words are not told")
	}
	assert.GreaterOrEqual(t, strings.Count(text, "[redacted]"), 10, "%s", text)
	assert.Contains(t, output, "growl-backend: fatal: it prints what it should not")

	records := ""
	objects, err := s.store(t).List(t.Context(), "growl-backend/dev/")
	require.NoError(t, err)
	for _, o := range objects {
		records += s.object(ledgerPrefix + "/" + o.Key)
	}
	assert.Contains(t, records, "exited with code 2")
	assert.NotContains(t, records, "its log ends")
	assert.NotContains(t, records, "redacted", "log lines are in the ledger")
	assert.NotContains(t, records, "growl-backend: fatal")
	history := s.ok("deploy:history", "dev")
	for name, text := range map[string]string{"stdout": output, "report": reported, "summary": page, "ledger": records, "history": history} {
		assertNoLeak(t, name, text)
	}
	assertHarmless(t, output, "::error ")
	assertHarmless(t, reported)
	assertHarmless(t, page)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// assertNoLeak searches for the secrets in each form in which the release prints them.
func assertNoLeak(t *testing.T, name, text string) {
	t.Helper()
	quoted, err := json.Marshal(leaked)
	require.NoError(t, err)
	plain := strings.ReplaceAll(text, `\"`, `"`)
	for _, secret := range []string{
		leaked, string(quoted[1 : len(quoted)-1]), url.QueryEscape(leaked), url.PathEscape(leaked), hex.EncodeToString([]byte(leaked)),
		base64.StdEncoding.EncodeToString([]byte("ann:" + leaked)), base64.RawURLEncoding.EncodeToString([]byte(leaked)),
		"0-kanari", "kanari", "one two", "ann:", base64.StdEncoding.EncodeToString([]byte("ann:0-c")), hex.EncodeToString([]byte("kanari")),
	} {
		assert.False(t, strings.Contains(text, secret), "%s holds %q", name, secret)
		assert.False(t, strings.Contains(plain, secret), "%s holds %q", name, secret)
	}
}

// assertHarmless searches for text that could drive a terminal or GitHub's runner, except the commands in ours.
func assertHarmless(t *testing.T, text string, ours ...string) {
	t.Helper()
	assert.NotRegexp(t, "[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069]", text)
	assert.NotContains(t, text, "##[")
	for _, line := range strings.Split(text, "\n") {
		for _, command := range ours {
			line = strings.TrimPrefix(line, command)
		}
		assert.False(t, strings.HasPrefix(strings.TrimSpace(line), "::"), "%q", line)
	}
}

const hostile = "\x1b[2J##[error]x\u202ey\u009b\x07\n::add-mask::z"

// TestTextFromElsewhereIsHarmless checks that foreign text in the ledger, the fleet, or a response of AWS is cleaned
// before it is printed.
func TestTextFromElsewhereIsHarmless(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStack(t, "-instances=1")
	release := rollout.Release{Image: "r/growl@sha256:" + strings.Repeat("a", 64), Tag: "v1" + hostile}
	books, err := ledger.Open(s.store(t), "growl-backend/dev", ledger.Options{})
	require.NoError(t, err)
	lease, err := books.Acquire(t.Context(), ledger.Holder{RunID: "run-1", Owner: "ann" + hostile, Host: hostile, Release: release})
	require.NoError(t, err)
	require.NoError(t, lease.Record(t.Context(), rollout.Entry{Instance: "i-1" + hostile, Step: rollout.StepDrain, Mark: rollout.Begun}))
	output := s.ok("deploy:status", "dev")
	assert.Contains(t, output, "dev: held by run run-1 of ann")
	assert.Contains(t, output, "## [error]x y")
	assertHarmless(t, output)
	assertHarmless(t, s.refuses(nil, s.deploy(s.vars["V2"])...))
	require.NoError(t, lease.Finish(t.Context(), rollout.Result{Run: "run-1", Outcome: rollout.Mixed, Release: release, Error: "failed" + hostile}))
	output = s.ok("deploy:history", "dev")
	assert.Regexp(t, regexp.MustCompile(`(?m)^run-1 .*ann.*v1 .*failed`), output)
	assert.Len(t, strings.Split(strings.TrimSpace(output), "\n"), 2, "%s", output)
	assertHarmless(t, output)

	_, output = s.run(nil, "deploy:dev", "-tag="+s.vars["V2"], "-dryRun", "-allowDowntime", "-alarms="+hostile)
	assertHarmless(t, output)
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": "Strange" + hostile, "message": "no such thing" + hostile})
	}))
	defer aws.Close()
	code, output := s.run([]string{"AWS_ENDPOINT_URL=" + aws.URL}, s.deploy(s.vars["V2"])...)
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "no such thing")
	assertHarmless(t, output)

	fleet := s.fleet
	fleet.Instances = append(fleet.Instances[:0:0], fleet.Instances...)
	fleet.Instances[0].Name += hostile
	for _, target := range [][]string{{"deploy:dev", "-dryRun"}, {"deploy:status", "dev"}, {"deploy:history", "dev"}, {"deploy:heal", "dev"}} {
		output = s.refuses(nil, append(target, "-fleet="+s.fleetFile(fleet))...)
		assert.Contains(t, output, "instances[0].name holds a control character")
		assertHarmless(t, output)
	}
}

// fleetFile writes another fleet.
func (s *stack) fleetFile(fleet fleet.Fleet) string {
	s.t.Helper()
	text, err := json.Marshal(fleet)
	require.NoError(s.t, err)
	s.write("fleet.json", string(text))
	return filepath.Join(s.root, "fleet.json")
}
