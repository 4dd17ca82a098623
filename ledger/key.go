package ledger

import (
	"fmt"
	"strings"
)

// claimsFolder holds the claims of all services, see [Ledger.Claim].
const claimsFolder = "claims"

// key is the first part of the names of a ledger's objects: SERVICE/ENV, or ENV alone at a key of before. See
// [Options.Before].
type key struct {
	service, environment string
}

// parseKey refuses parts that lead to other objects, and names that would mix objects of different kinds.
func parseKey(text string) (key, error) {
	service, environment, two := strings.Cut(text, "/")
	if !two {
		return key{}, fmt.Errorf("key %q: want SERVICE/ENV", text)
	}
	if err := checkName("service", service); err != nil {
		return key{}, err
	}
	if err := checkName("environment", environment); err != nil {
		return key{}, err
	}
	if service == claimsFolder || environment == "current" || environment == "history" {
		return key{}, fmt.Errorf("key %q: a service cannot be named %s, and an environment neither current nor history", text, claimsFolder)
	}
	return key{service, environment}, nil
}

func (k key) String() string {
	if k.service == "" {
		return k.environment
	}
	return k.service + "/" + k.environment
}

// versions returns those of the documents that may be there.
func (k key) versions() []int {
	if k.service == "" {
		return []int{versionOfBefore, markerVersion}
	}
	return []int{versionWithoutDurations, documentVersion}
}

// current returns the name of the object with lease and journal.
func (k key) current() string { return k.String() + "/current" }

// history returns the first part of the names of the objects of finished runs.
func (k key) history() string { return k.String() + "/history/" }
