//go:build !race

package rollout

// simSeeds is how many stories a plain go test tells.
const simSeeds = 2000
