package rollout

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mutant, listed in testdata/mutants.txt, is a way to break the engine on purpose.
// The engine has no hooks for that: what it would do wrong is done by its ports,
// out of sight of the checks.
type mutant struct {
	name string
	// wrap breaks what a process works with.
	wrap func(*Config, *process)
	// reads breaks what recovery reads; nil: nothing.
	reads func(UnfinishedRun) UnfinishedRun
	// caught are the checks of which one at least must fail.
	caught []string
}

func mutants() []mutant {
	return []mutant{
		{name: "skip-intent", wrap: onRecord(skipIntents), caught: []string{"intent before act", "in service at the end"}},
		{name: "forget-journal", wrap: nothing, reads: forgetJournal, caught: []string{"in service at the end"}},
		{name: "forget-port", wrap: nothing, reads: forgetPort, caught: []string{"in service at the end"}},
		{name: "trust-journal", wrap: onHost(func(h hostPorts) Host { return trusting{h} }), caught: []string{"only what is proven is registered", "in service at the end"}},
		{name: "no-fencing", wrap: onRecord(unfenced), caught: []string{"one process acts", "without the lease nothing is touched"}},
		{name: "no-wait-for-stop", wrap: onHost(func(h hostPorts) Host { return hasty{h} }), caught: []string{"in service at the end", "what is said to serve runs", "only what is proven is registered"}},
		{name: "register-unproven", wrap: onHost(func(h hostPorts) Host { return gullible{h} }), caught: []string{"only what is proven is registered"}},
		{name: "no-second-registration", wrap: onBalancer(func(b book) Balancer { return forgetful{b} }), caught: []string{"in service at the end", "success means service"}},
		{name: "ignore-floor", wrap: ignoreFloor, caught: []string{"floor"}},
		{name: "ignore-zone", wrap: func(c *Config, _ *process) { c.Policy.ZoneLoss = true }, caught: []string{"zone"}},
		{name: "resolve-twice", wrap: onHost(func(h hostPorts) Host { return moving{h} }), caught: []string{"one digest", "what is said to run runs"}},
		{name: "keep-everything", wrap: onHost(func(h hostPorts) Host { return hoarding{h} }), caught: []string{"nothing kept at the end"}},
		{name: "hasty-drain", wrap: hastyDrain, caught: []string{"no failed connection"}},
		{name: "hasty-join", wrap: onHost(func(h hostPorts) Host { return crowded{h} }), caught: []string{"somebody is routed to"}},
		{name: "revert-nothing", wrap: onHost(func(h hostPorts) Host { return careless{h} }), caught: []string{"in service at the end", "only what is proven is registered", "what is said to serve runs"}},
		{name: "cancel-acts", wrap: onBalancer(func(b book) Balancer { return cancelling{b} }), caught: []string{"an act is never cancelled half-way"}},
		{name: "stop-first", wrap: onBalancer(func(b book) Balancer { return idle{b} }), caught: []string{"nothing that is registered is stopped"}},
		{name: "routed-at-once", wrap: routedAtOnce, caught: []string{"floor", "somebody is routed to"}},
		{name: "forget-earlier-run", wrap: forgetEarlier, caught: []string{"floor", "somebody is routed to"}},
		{name: "checks-are-clients", wrap: onHost(func(h hostPorts) Host { return checked{h} }), caught: []string{"floor", "somebody is routed to"}},
		{name: "initial-is-unhealthy", wrap: initialAs(TargetUnhealthy), caught: []string{"floor"}},
		{name: "initial-is-unused", wrap: initialAs(TargetUnused), caught: []string{"floor"}},
		{name: "health-before-act", wrap: onBalancer(func(b book) Balancer { return newBelated(b, 15*time.Minute, false) }), caught: []string{"what joins is healthy", "in service at the end", "floor"}},
		{name: "health-kept", wrap: onBalancer(func(b book) Balancer { return newBelated(b, time.Minute, true) }), caught: []string{"what joins is healthy", "in service at the end", "floor"}},
		{name: "failed-sample-is-silence", wrap: onHost(func(h hostPorts) Host { return blind{h, new(Traffic)} }), caught: []string{"nothing that is routed to is stopped", "no connection is cut before the longest drain"}},
		{name: "open-not-counted", wrap: onHost(func(h hostPorts) Host { return openless{h} }), caught: []string{"no connection is cut before the longest drain"}},
		{name: "opened-not-counted", wrap: onHost(func(h hostPorts) Host { return frozen{h, new(Traffic)} }), caught: []string{"nothing that is routed to is stopped"}},
		{name: "no-wait-after-heal", wrap: hurriedHeal, caught: []string{"what was healed is routed to"}},
		{name: "wait-after-heal-cut", wrap: onRecord(impatientHeal), caught: []string{"what was healed is routed to"}},
		{name: "stopped-clock", wrap: stoppedClock, caught: []string{"one process acts", "an act ends with its intent"}},
		{name: "register-taken-out", wrap: registerAll, caught: []string{"what others took out stays out"}},
		{name: "close-early", wrap: onBalancer(func(b book) Balancer { return rash{b} }), caught: []string{"in service at the end"}},
	}
}

func mutantOf(t *testing.T, name string) *mutant {
	if name == "" {
		return nil
	}
	all := mutants()
	i := slices.IndexFunc(all, func(m mutant) bool { return m.name == name })
	require.GreaterOrEqual(t, i, 0, "SIM_MUTATE=%s is no mutant: want one of %s", name, names(all))
	return &all[i]
}

func names(all []mutant) (names []string) {
	for _, m := range all {
		names = append(names, m.name)
	}
	return names
}

// mage test:sim knows the mutants by their list.
func TestMutantsAreListed(t *testing.T) {
	list, err := os.ReadFile("testdata/mutants.txt")
	require.NoError(t, err)
	var listed []string
	for line := range strings.Lines(string(list)) {
		name, breaks, _ := strings.Cut(line, " ")
		require.NotEmpty(t, strings.TrimSpace(breaks), name)
		listed = append(listed, name)
	}
	require.Equal(t, names(mutants()), listed)
}

// mutantSeeds is within how many stories a mutant must be caught.
const mutantSeeds = 1500

// Each mutant is caught, and by a check that is about what it breaks.
func TestSimCatchesMutants(t *testing.T) {
	if os.Getenv("SIM_SEED")+os.Getenv("SIM_MUTATE") != "" {
		t.Skip("SIM_SEED or SIM_MUTATE asks for one story or mutant: TestSim tells it")
	}
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			for seed := uint64(1); seed <= mutantSeeds; seed++ {
				if m.catches(replay(t, seed, &m, nil)) {
					require.Empty(t, replay(t, seed, nil, nil).wrongs, "seed %d goes wrong without the mutant too", seed)
					return
				}
			}
			t.Errorf("not caught in %d stories", mutantSeeds)
		})
	}
}

func (m *mutant) catches(w *sim) bool {
	return slices.ContainsFunc(w.wrongs, func(wrong string) bool {
		return slices.ContainsFunc(m.caught, func(check string) bool { return strings.Contains(wrong, ": "+check+": ") })
	})
}
