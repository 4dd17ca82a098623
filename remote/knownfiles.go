package remote

import (
	"os"
	"path/filepath"
	"slices"
)

// KnownHosts returns the files, and the user's own ~/.ssh/known_hosts, without those that do not exist.
func KnownHosts(files ...string) []string {
	all := slices.Clone(files)
	if home, err := os.UserHomeDir(); err == nil {
		all = append(all, filepath.Join(home, ".ssh", "known_hosts"))
	}
	absent := func(path string) bool { _, err := os.Stat(path); return err != nil }
	return slices.DeleteFunc(all, absent)
}
