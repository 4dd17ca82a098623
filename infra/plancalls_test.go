package infra_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// planAgainst plans an environment against a reader's responses, and returns the plan's JSON.
func planAgainst(t *testing.T, environment string, aws *reader) (plan []byte) {
	t.Helper()
	dir := planFolder(t, environment)
	env := append(os.Environ(), "TF_WORKSPACE="+environment, "CHECKPOINT_DISABLE=1", "AWS_ENDPOINT_URL="+aws.URL, "AWS_MAX_ATTEMPTS=1",
		"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=example", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	for _, args := range [][]string{
		{"init", "-input=false"},
		{"plan", "-input=false", "-lock=false", "-no-color", "-out=plan", "-var-file=terraform-" + environment + ".tfvars"},
		{"show", "-json", "plan"},
	} {
		var fault strings.Builder
		terraform := exec.Command("terraform", args...)
		terraform.Dir, terraform.Env, terraform.Stderr = dir, env, &fault
		out, err := terraform.Output()
		require.NoError(t, err, "%s%s", out, &fault)
		plan = out
	}
	return plan
}

// planFolder returns the configuration with its state beside it instead of in S3.
func planFolder(t *testing.T, environment string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("../growl-backend/terraform")))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".terraform")))
	require.NoError(t, os.Remove(filepath.Join(dir, "backend.tf")))
	writeFile(t, filepath.Join(dir, ".env."+environment), "A=1\n")
	state, err := os.ReadFile("testdata/plan-calls/state.json")
	require.NoError(t, err)
	folder := filepath.Join(dir, "terraform.tfstate.d", environment)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	writeFile(t, filepath.Join(folder, "terraform.tfstate"), string(state))
	return dir
}

// reader returns one resource of each kind, from testdata.
type reader struct {
	*httptest.Server
	answers        map[string]json.RawMessage
	mu             sync.Mutex
	asked, unknown map[string]bool
}

func newReader(t *testing.T) *reader {
	t.Helper()
	content, err := os.ReadFile("testdata/plan-calls/answers.json")
	require.NoError(t, err)
	r := &reader{asked: map[string]bool{}, unknown: map[string]bool{}}
	require.NoError(t, json.Unmarshal(content, &r.answers))
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

var signedFor = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([^/]+)/`)

func (r *reader) serve(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	service := ""
	if match := signedFor.FindStringSubmatch(request.Header.Get("Authorization")); match != nil {
		service = match[1]
	}
	if service == "monitoring" {
		service = "cloudwatch" // as policies call it
	}
	if _, action, ok := strings.Cut(request.Header.Get("X-Amz-Target"), "."); ok {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprintf(w, "%s", r.answer(service+":"+action))
		return
	}
	form, _ := url.ParseQuery(string(body))
	action := form.Get("Action")
	var inner string
	_ = json.Unmarshal(r.answer(service+":"+action), &inner)
	inner = fitting(inner, form, string(body))
	if service != "ec2" {
		inner = fmt.Sprintf("<%[1]sResult>%[2]s</%[1]sResult>", action, inner)
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, "<%[1]sResponse>%[2]s</%[1]sResponse>", action, inner)
}

// answer records the request.
func (r *reader) answer(action string) json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[action] = true
	answer, known := r.answers[action]
	r.unknown[action] = true
	if known {
		delete(r.unknown, action)
	}
	return answer
}

// fitting replaces the parts of a response that depend on the request: the resource whose tags are requested, the
// direction of a rule, and a VPC's main route table.
func fitting(inner string, form url.Values, body string) string {
	rule := strings.NewReplacer("%EGRESS%", "false")
	if strings.Contains(body, "sgr-e") {
		rule = strings.NewReplacer("%EGRESS%", "true", "sgr-1", "sgr-e")
	}
	if strings.Contains(body, "association.main") {
		inner = strings.ReplaceAll(inner, "<associationState>", "<main>true</main><associationState>")
	}
	return rule.Replace(strings.ReplaceAll(inner, "%ARN%", form.Get("ResourceArns.member.1")))
}
