package engine

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// defaultPath is the PATH of a container that sets none, as in Docker.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// processEnv returns the environment of the container's process. The package documentation lists which values it
// translates.
func processEnv(config container.Config, bound []binding, mounts []mounted) []string {
	// If one mount lies in another, the more specific target applies.
	mounts = slices.Clone(mounts)
	slices.SortStableFunc(mounts, func(a, b mounted) int { return len(b.target) - len(a.target) })
	env := []string{}
	for _, pair := range mergeEnv([]string{defaultPath, "HOSTNAME=" + config.Hostname}, config.Env) {
		key, value, _ := strings.Cut(pair, "=")
		env = append(env, key+"="+translate(value, bound, mounts))
	}
	return env
}

func translate(value string, bound []binding, mounts []mounted) string {
	for _, b := range bound {
		if value == strconv.Itoa(b.port) {
			return strconv.Itoa(b.real)
		}
	}
	for _, m := range mounts {
		if rest, ok := strings.CutPrefix(value, m.target); ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(m.real, filepath.FromSlash(rest))
		}
	}
	return value
}
