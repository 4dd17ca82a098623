package engine

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// defaultPath is what the engine gives a container that sets none.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// processEnv is the container's environment for a process: see the package
// documentation for what is translated.
func processEnv(config container.Config, bound []binding, mounts []mounted) []string {
	// The most specific target wins where one mount lies in another.
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
