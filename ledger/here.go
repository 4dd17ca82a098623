package ledger

import (
	"cmp"
	"fmt"
	"os"
	"os/user"

	"github.com/growl-dev/deploy/rollout"
)

// Here returns the holder that this process is: it says who takes the lease, for those who are refused by it. In GitHub Actions that is the actor and the run.
func Here(run string, release rollout.Release) Holder {
	host, _ := os.Hostname() // a lease without a host name is still a lease
	return Holder{
		RunID: run, Owner: cmp.Or(os.Getenv("GITHUB_ACTOR"), userName()), Host: host,
		Process: os.Getpid(), RunURL: runURL(os.Getenv), Release: release,
	}
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// runURL is the page of the CI run and its attempt; empty outside CI.
func runURL(getenv func(string) string) string {
	if getenv("GITHUB_RUN_ID") == "" {
		return ""
	}
	return fmt.Sprintf("%s/%s/actions/runs/%s/attempts/%s", getenv("GITHUB_SERVER_URL"), getenv("GITHUB_REPOSITORY"),
		getenv("GITHUB_RUN_ID"), cmp.Or(getenv("GITHUB_RUN_ATTEMPT"), "1"))
}
