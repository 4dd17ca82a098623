package growl_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// recording answers what Terraform's provider reads of AWS for growl-backend/terraform, with one resource of each kind.
// infra/testdata/plan-calls was recorded for dev in account 123456789012; names and regions are rewritten for the environment,
// and ARNs for what a sandbox really has.
type recording struct {
	environment string
	answers     map[string]json.RawMessage

	mu      sync.Mutex
	rewrite *strings.Replacer
	unknown map[string]bool
}

func openRecording(t *testing.T, environment string) *recording {
	t.Helper()
	content, err := os.ReadFile("../../infra/testdata/plan-calls/answers.json")
	require.NoError(t, err)
	r := &recording{environment: environment, unknown: map[string]bool{}}
	require.NoError(t, json.Unmarshal(content, &r.answers))
	r.at()
	return r
}

// at rewrites the recording for what is really there: pairs of what was recorded and what takes its place.
func (r *recording) at(pairs ...string) {
	region := regionsOf[r.environment]
	pairs = append(pairs,
		// The registry is in one region for all environments, and so is the bucket.
		"arn:aws:ecr:us-west-1:", "arn:aws:ecr:us-west-1:", ".dkr.ecr.us-west-1.", ".dkr.ecr.us-west-1.",
		"growl-backend-dev", "growl-backend-"+r.environment, "/growl-backend/dev/", "/growl-backend/"+r.environment+"/",
		"us-west-1", region, "123456789012", sandboxAccount, "10.20.", networksOf[r.environment])
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rewrite = strings.NewReplacer(pairs...)
}

// regionsOf and networksOf hold the regions and networks in the committed variables of each environment.
var (
	regionsOf  = map[string]string{"dev": "us-west-1", "prod": "us-west-2"}
	networksOf = map[string]string{"dev": "10.20.", "prod": "10.30."}
)

// sandboxAccount is the account of the sandbox's ARNs.
const sandboxAccount = "000000000000"

// state is Terraform's state with the recorded resources. What there is for an instance is there for each of the names.
func (r *recording) state(t *testing.T, instances []string) string {
	t.Helper()
	content, err := os.ReadFile("../../infra/testdata/plan-calls/state.json")
	require.NoError(t, err)
	var state map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.rewritten(string(content))), &state))
	first := "growl-backend-" + r.environment + "-1"
	require.Contains(t, instances, first)
	for _, raw := range state["resources"].([]any) {
		resource := raw.(map[string]any)
		recorded := resource["instances"].([]any)
		if recorded[0].(map[string]any)["index_key"] != first || !strings.HasPrefix(resource["type"].(string), "aws_iam_") {
			continue
		}
		text, err := json.Marshal(recorded[0])
		require.NoError(t, err)
		resource["instances"] = nil
		var all []any
		for _, name := range instances {
			var one any
			require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(text), first, name)), &one))
			all = append(all, one)
		}
		resource["instances"] = all
	}
	written, err := json.Marshal(state)
	require.NoError(t, err)
	return string(written)
}

var instanceName = regexp.MustCompile(`(?m)^\s*"?(growl-backend-[a-z]+-[0-9]+)"?\s*=`)

// committedInstances are the names in the environment's tfvars.
func committedInstances(t *testing.T, environment string) (names []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", terraformDir, "terraform-"+environment+".tfvars"))
	require.NoError(t, err)
	for _, match := range instanceName.FindAllStringSubmatch(string(content), -1) {
		names = append(names, match[1])
	}
	require.GreaterOrEqual(t, len(names), 2)
	return names
}

func (r *recording) rewritten(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rewrite.Replace(text)
}

// unanswered are the calls that the recording has no answer for, in order.
func (r *recording) unanswered() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.unknown))
}

var signedFor = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([^/]+)/`)

// ServeHTTP answers in the protocol of the call's service.
func (r *recording) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	service := ""
	if match := signedFor.FindStringSubmatch(request.Header.Get("Authorization")); match != nil {
		service = strings.Replace(match[1], "monitoring", "cloudwatch", 1)
	}
	if _, action, ok := strings.Cut(request.Header.Get("X-Amz-Target"), "."); ok {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprint(w, r.rewritten(string(r.answer(service+":"+action, string(body)))))
		return
	}
	form, _ := url.ParseQuery(string(body))
	action := form.Get("Action")
	var inner string
	_ = json.Unmarshal(r.answer(service+":"+action, string(body)), &inner)
	inner = fitting(r.rewritten(inner), form, string(body))
	if service != "ec2" {
		inner = fmt.Sprintf("<%[1]sResult>%[2]s</%[1]sResult>", action, inner)
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, "<%[1]sResponse>%[2]s</%[1]sResponse>", action, inner)
}

// answer is the recorded answer of an action. One that is recorded as "ACTION WORD" answers the calls that contain the
// word, in place of the others' answer.
func (r *recording) answer(action, body string) json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, answer := range r.answers {
		if word, special := strings.CutPrefix(key, action+" "); special && strings.Contains(body, word) {
			return answer
		}
	}
	answer, known := r.answers[action]
	if !known {
		r.unknown[action] = true
	}
	return answer
}

// fitting puts into an answer what depends on the question: the resource whose tags are read, the role or profile that
// is read, the direction of a rule, and a VPC's main route table.
func fitting(inner string, form url.Values, body string) string {
	rule := strings.NewReplacer("%EGRESS%", "false")
	if strings.Contains(body, "sgr-e") {
		rule = strings.NewReplacer("%EGRESS%", "true", "sgr-1", "sgr-e")
	}
	if strings.Contains(body, "association.main") {
		inner = strings.ReplaceAll(inner, "<associationState>", "<main>true</main><associationState>")
	}
	if name := form.Get("RoleName") + form.Get("InstanceProfileName"); name != "" {
		inner = recordedRole.ReplaceAllString(inner, name)
	}
	return rule.Replace(strings.ReplaceAll(inner, "%ARN%", form.Get("ResourceArns.member.1")))
}

var recordedRole = regexp.MustCompile(`growl-backend-[a-z]+-instance-growl-backend-[a-z]+-1`)
