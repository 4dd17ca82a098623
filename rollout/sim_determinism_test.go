package rollout

import "testing"

// A seed tells the same story each time, down to the nanosecond: or it could not
// be looked into.
func TestSimIsDeterministic(t *testing.T) {
	for seed := uint64(1); seed <= 200; seed++ {
		first, second := traced(t, seed), traced(t, seed)
		for n := range max(len(first), len(second)) {
			if n >= len(first) || n >= len(second) || first[n] != second[n] {
				t.Fatalf("seed %d, line %d: %q, then %q", seed, n, first[max(0, n-6):min(n+3, len(first))], second[max(0, n-6):min(n+3, len(second))])
			}
		}
	}
}

func traced(t *testing.T, seed uint64) (lines []string) {
	replay(t, seed, nil, func(line string) { lines = append(lines, line) })
	return lines
}
