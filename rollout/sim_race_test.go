//go:build race

package rollout

// simSeeds is how many stories go test -race tells. The race detector makes
// each about ten times as slow.
const simSeeds = 500
