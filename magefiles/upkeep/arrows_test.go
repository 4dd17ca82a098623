package upkeep

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/growl-dev/deploy"

// arrows lists which packages of ours each may import in its product code, and why. A package that is not named here
// needs a sentence on docs/design.md's map. "." is the package at the root.
var arrows = map[string]struct{ may, because string }{
	".": {
		"alarm ecr fleet image ledger nlb probe remote remote/docker report rollout internal/awsauth internal/hosts internal/oneline internal/signals",
		"it wires a deploy of any service, so that no program that deploys compiles Terraform, the sandbox or mage",
	},
	"rollout":           {"", "the engine declares the ports it needs and imports no far end"},
	"nlb":               {"rollout internal/awsauth internal/fence internal/oneline", "an adapter uses the engine's plain types and no other adapter"},
	"alarm":             {"rollout", "an adapter uses the engine's plain types and no other adapter"},
	"ecr":               {"rollout internal/awsauth", "an adapter uses the engine's plain types and no other adapter"},
	"image":             {"", "it builds, and pushes through its one port"},
	"remote":            {"rollout", "an adapter uses the engine's plain types and no other adapter"},
	"remote/docker":     {"rollout remote internal/fence", "a container release is spoken over a connection"},
	"probe":             {"internal/oneline", "a client of the load balancer uses nothing else"},
	"report":            {"rollout probe", "a report holds the probe's receipt"},
	"fleet":             {"rollout", "a fleet is made of the engine's instances"},
	"infra":             {"rollout fleet internal/awsauth internal/oneline", "it is one source of fleets, and uses no adapter"},
	"ledger":            {"rollout", "an adapter uses the engine's plain types and no other adapter"},
	"ledger/ledgertest": {"ledger", "the contract that every store meets"},
	"telemetry":         {"report rollout internal/oneline", "it observes a run and knows no far end but the collector"},
	"sandbox":           {"rollout fleet internal/iam internal/oneline internal/sshserver", "the far ends are spoken to over sockets only"},
	"e2e":               {"", "it holds no code but tests"},

	"remote/docker/firstboot": {"remote/docker", "first boot makes the container of the spec"},

	"internal/awsauth":     {"", "it explains errors of the SDK alone"},
	"internal/bench":       {"internal/oneline probe report rollout sandbox", "it measures the program of the targets from outside"},
	"internal/commandline": {"", "it reads source and arguments alone"},
	"internal/console":     {"report", "what is printed is cleaned there"},
	"internal/fence":       {"rollout", "it sends requests only as long as the engine permits an act"},
	"internal/githook":     {"infra", "it seals env files, and knows no service and no mage"},
	"internal/hosts":       {"image internal/oneline remote remote/docker report rollout", "it is the instances' part of the wiring"},
	"internal/signals":     {"", "it needs the standard library only"},
	"internal/oneline":     {"", "it needs the standard library only"},
	"internal/iam":         {"", "it decides by documents alone"},
	"internal/ec2test":     {"", "a far end for tests"},
	"internal/magetest":    {"", "the targets' program for tests"},
	"internal/mototest":    {"", "an emulator of AWS for tests"},
	"internal/porttest":    {"", "ports for tests"},
	"internal/sshserver":   {"", "it implements SSH, and its user supplies the machine"},
	"internal/sshtest":     {"internal/porttest internal/sshserver", "SSH servers and keys for tests"},
	"internal/tftest":      {"", "Terraform for tests"},

	"magefiles/targets": {
		". ecr fleet image infra ledger remote remote/docker report rollout sandbox telemetry internal/awsauth internal/commandline internal/console internal/signals",
		"targets read flags and call package deploy, and use no bench and no git hook",
	},
	"magefiles/growl": {
		". fleet image infra remote/docker sandbox internal/console magefiles/targets",
		"it declares the service and its own two targets",
	},
	"magefiles/upkeep": {
		"infra remote/docker remote/docker/firstboot report internal/bench internal/console internal/githook internal/signals magefiles/growl",
		"it looks after this repository and deploys nothing itself",
	},
}

func TestImportArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, line := range list(t, `{{.ImportPath}} {{join .Imports " "}}`) {
		words := strings.Fields(line)
		from, _ := ours(words[0])
		seen[ruled(from)] = true
		rule, ok := arrows[ruled(from)]
		if !assert.True(t, ok, "%s is not on the map: add it to docs/design.md and here", from) {
			continue
		}
		for _, word := range words[1:] {
			if to, ok := ours(word); ok && !allowed(from, to, rule.may) {
				t.Errorf("%s must not import %s: %s", from, to, rule.because)
			}
		}
	}
	for name := range arrows {
		assert.True(t, seen[name], "%s is on the map and does not exist", name)
	}
}

// TestAProgramCompilesNoMoreThanADeployNeeds also holds what other modules' packages bring along.
func TestAProgramCompilesNoMoreThanADeployNeeds(t *testing.T) {
	needed := list(t, `{{.ImportPath}}`, "-deps", ".")
	assert.Contains(t, needed, module+"/rollout", "the test does not see what is compiled")
	for _, path := range needed {
		for _, unneeded := range []string{module + "/infra", module + "/sandbox", "github.com/magefile/", "github.com/hashicorp/terraform"} {
			assert.False(t, strings.HasPrefix(path, unneeded), "a program that imports package deploy compiles %s", path)
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

// ours returns the name of a package of this module, and false for any other.
func ours(path string) (name string, ok bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// ruled returns the package whose rule holds for one: what is below an internal folder keeps its parent's.
func ruled(name string) string {
	if parent, _, below := strings.Cut(name, "/internal/"); below {
		return parent
	}
	return name
}

func allowed(from, to, may string) bool {
	return strings.HasPrefix(to, ruled(from)+"/internal/") || slices.Contains(strings.Fields(may), to)
}

// list runs go list on all packages of this module, or with other arguments.
func list(t *testing.T, format string, args ...string) []string {
	t.Helper()
	if len(args) == 0 {
		args = []string{"./..."}
	}
	cmd := exec.Command("go", append([]string{"list", "-f", format}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	require.NoError(t, err, "go list")
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
