package targets

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/growl-dev/deploy/"

// arrows says which packages of ours each may import in its product code, and
// why. A package that is not named here needs a sentence on docs/design.md's map.
var arrows = map[string]struct{ may, because string }{
	"rollout":           {"", "the engine declares the ports it needs and knows no far end"},
	"nlb":               {"rollout", "an adapter knows the engine's plain types and no other adapter"},
	"alarm":             {"rollout", "an adapter knows the engine's plain types and no other adapter"},
	"ecr":               {"rollout", "an adapter knows the engine's plain types and no other adapter"},
	"image":             {"", "it builds and pushes for whoever fills its one port"},
	"remote":            {"rollout", "an adapter knows the engine's plain types and no other adapter"},
	"remote/docker":     {"rollout remote", "a container release is spoken over a connection"},
	"probe":             {"", "a client of the load balancer knows nobody"},
	"report":            {"rollout probe", "a report holds the probe's receipt"},
	"fleet":             {"rollout", "a fleet is made of the engine's instances"},
	"infra":             {"rollout fleet", "an adapter knows the engine's plain types and no other adapter"},
	"ledger":            {"rollout", "an adapter knows the engine's plain types and no other adapter"},
	"ledger/ledgertest": {"ledger", "the contract that every store meets"},
	"sandbox":           {"rollout fleet internal/iam sandbox/", "the far ends are spoken to over sockets only"},
	"internal/ec2test":  {"", "a far end for tests"},
	"internal/iam":      {"", "it decides by documents alone"},
	"internal/porttest": {"", "ports for tests"},
	"internal/mototest": {"", "an emulator of AWS for tests"},
	"internal/tftest":   {"", "Terraform for tests"},
	"e2e":               {"", "it holds no code but tests"},
	"magefiles/targets": {"*", "the only wiring"},

	"remote/docker/firstboot": {"remote/docker", "first boot makes the container of the spec"},
}

func TestImportArrows(t *testing.T) {
	for _, line := range list(t, `{{.ImportPath}} {{join .Imports " "}}`) {
		words := strings.Fields(line)
		from := strings.TrimPrefix(words[0], module)
		rule, ok := arrows[ruled(from)]
		if !assert.True(t, ok, "%s is not on the map: add it to docs/design.md and here", from) {
			continue
		}
		for _, to := range words[1:] {
			if name, ours := strings.CutPrefix(to, module); ours && !allowed(from, name, rule.may) {
				t.Errorf("%s must not import %s: %s", from, name, rule.because)
			}
		}
	}
}

func TestTheEngineImportsTheStandardLibraryOnly(t *testing.T) {
	for _, path := range strings.Fields(strings.Join(list(t, `{{join .Imports " "}}`, "./rollout"), " ")) {
		first, _, _ := strings.Cut(path, "/")
		assert.NotContains(t, first, ".", "rollout imports %s", path)
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	for _, line := range list(t, `{{.ImportPath}}|{{.Doc}}`) {
		name, doc, _ := strings.Cut(line, "|")
		assert.NotEmpty(t, doc, "%s has no package doc", name)
	}
}

// ruled is the package whose rule holds for one: packages below an internal
// folder, and sandbox's parts, keep their parent's.
func ruled(name string) string {
	if parent, _, below := strings.Cut(name, "/internal/"); below {
		return parent
	}
	return name
}

func allowed(from, to, may string) bool {
	if may == "*" || strings.HasPrefix(to, ruled(from)+"/internal") {
		return true
	}
	for _, one := range strings.Fields(may) {
		if to == one || strings.HasSuffix(one, "/") && strings.HasPrefix(to, one) {
			return true
		}
	}
	return false
}

func list(t *testing.T, format string, packages ...string) []string {
	t.Helper()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	cmd := exec.Command("go", append([]string{"list", "-f", format}, packages...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	require.NoError(t, err, "go list")
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
