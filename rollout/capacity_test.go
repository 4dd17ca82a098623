package rollout

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// places is a fleet in group A for the capacity rule: the ports that each instance is registered on, all healthy.
func places(ports ...[]int) (Health, []member) {
	var health Health
	var members []member
	for i, all := range ports {
		m := member{Instance: Instance{ID: fmt.Sprintf("i-%d", i+1), Zone: string(rune('a' + i%2))}, serves: true, waiting: true}
		for _, port := range all {
			m.targets = append(m.targets, Target{groupA, m.ID, port})
			health = append(health, TargetHealth{Target: Target{groupA, m.ID, port}, State: TargetHealthy})
		}
		members = append(members, m)
	}
	return health, members
}

func ruleOf(members []member, health Health, change ...func(*Policy)) capacity {
	policy := DefaultPolicy()
	for _, c := range change {
		c(&policy)
	}
	var fleet []Instance
	for _, m := range members {
		fleet = append(fleet, m.Instance)
	}
	return newCapacity(policy, fleet, []Timing{{Group: groupA, Port: 8080, CrossZone: true}}, nil, health)
}

func set(health Health, id string, port int, change func(*TargetHealth)) Health {
	changed := slices.Clone(health)
	for i, h := range changed {
		if h.Target == (Target{groupA, id, port}) {
			change(&changed[i])
		}
	}
	return changed
}

func ill(h *TargetHealth)     { h.State = TargetUnhealthy }
func shifted(h *TargetHealth) { h.Shifted = true }

// TestCapacityCountsPlaces: an instance with one healthy port of two is half of its capacity.
func TestCapacityCountsPlaces(t *testing.T) {
	health, members := places([]int{8080, 8081}, []int{8080, 8081}, []int{8080, 8081})
	rule := ruleOf(members, health)
	require.NoError(t, rule.shortfall(health, members, members[:1], time.Time{}))
	half := set(health, "i-2", 8081, ill)
	require.ErrorContains(t, rule.shortfall(half, members, members[:1], time.Time{}), "would keep 3 healthy targets, the floor is 4")
	require.NoError(t, rule.shortfall(half, members, members[1:2], time.Time{}), "what leaves is not what stays")
	half = set(half, "i-3", 8081, ill)
	require.ErrorContains(t, rule.shortfall(half, members, members[1:2], time.Time{}), "would keep 3 healthy targets, the floor is 4")
}

// TestABatchMayCostItsOwnPlaces where instances have different numbers of ports, and others what a usual one costs.
func TestABatchMayCostItsOwnPlaces(t *testing.T) {
	health, members := places([]int{8080, 8081}, []int{8080}, []int{8080})
	rule := ruleOf(members, health)
	for _, m := range members {
		require.NoError(t, rule.shortfall(health, members, []member{m}, time.Time{}), m.ID)
	}
	without3 := set(health, "i-3", 8080, ill)
	require.ErrorContains(t, rule.shortfall(without3, members, members[1:2], time.Time{}), "would keep 2 healthy targets, the floor is 3")
	require.ErrorContains(t, rule.shortfall(without3, members, members[:1], time.Time{}), "would keep 1 healthy targets, the floor is 2")
}

// TestAPairOfPortsIsOnePlace, which counts if either of its targets is healthy.
func TestAPairOfPortsIsOnePlace(t *testing.T) {
	health, members := places([]int{8080, 8081}, []int{8080, 8081})
	policy := DefaultPolicy()
	rule := newCapacity(policy, []Instance{members[0].Instance, members[1].Instance}, []Timing{{Group: groupA, CrossZone: true}}, map[int]int{8081: 8080}, health)
	require.NoError(t, rule.shortfall(set(health, "i-2", 8080, ill), members, members[:1], time.Time{}))
	require.NoError(t, rule.shortfall(set(health, "i-2", 8081, ill), members, members[:1], time.Time{}))
	both := set(set(health, "i-2", 8081, ill), "i-2", 8080, ill)
	require.ErrorContains(t, rule.shortfall(both, members, members[:1], time.Time{}), "would keep 0 healthy targets, the floor is 1")
}

// TestAZoneUnderZonalShiftIsNoCapacity: its targets are healthy and get no traffic, so they leave at no cost and carry
// nobody's.
func TestAZoneUnderZonalShiftIsNoCapacity(t *testing.T) {
	health, members := places([]int{8080}, []int{8080}, []int{8080})
	rule := ruleOf(members, health)
	away := set(health, "i-2", 8080, shifted)
	require.ErrorContains(t, rule.shortfall(away, members, members[:1], time.Time{}), "would keep 1 healthy targets without [i-2], whose zone is under zonal shift, the floor is 2")
	require.NoError(t, rule.shortfall(away, members, members[1:2], time.Time{}))
	err := rule.refuse(away, members, [][]member{members[1:2], members[:1]}, time.Time{})
	require.ErrorContains(t, err, "i-1 can never leave: target group "+groupA+" would keep 1 healthy targets without [i-2]")
	assert.NoError(t, ruleOf(members, health, func(p *Policy) { p.Batch = Size{Count: 2} }).shortfall(away, members, members[:1], time.Time{}))
}
