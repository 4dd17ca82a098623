// Package upkeep holds the mage targets for the maintenance of this repository: its tests, its linters, its benches,
// its git hooks, and the files that are rendered from the service's declaration. They need the repository's tools
// module and its other modules, so that no other project can import them.
//
// A magefile passes [Sources] to targets.Use, which reads the targets' parameters from them.
package upkeep

import (
	"embed"

	"github.com/growl-dev/deploy/magefiles/growl"
)

// Sources are this package's own files. The compiled program does not hold the names of the targets' parameters, so they
// are read from the source.
//
//go:embed *.go
var Sources embed.FS

// modules returns the folders of the modules that are tested and linted. The linters' own module, tools, is not
// included.
func modules() []string {
	return []string{".", growl.Service().Image.Dir}
}

// adopter is the folder of a module that stands for another team's. It is linted here; package targets has the tests
// that use it.
const adopter = "magefiles/targets/testdata/adopter"
