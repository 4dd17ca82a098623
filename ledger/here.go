package ledger

import (
	"cmp"
	"fmt"
	"os"
	"os/user"

	"github.com/growl-dev/deploy/rollout"
)

// Here returns the holder for a run of this process, which names it to those who are refused. In GitHub Actions it names
// the actor, the workflow run and the job.
func Here(run string, release rollout.Release) Holder {
	host, _ := os.Hostname() // a lease without a host name is still a lease
	h := Holder{
		RunID: run, Owner: cmp.Or(os.Getenv("GITHUB_ACTOR"), userName()), Host: host, Process: os.Getpid(),
		RunURL: runURL(os.Getenv), Job: os.Getenv("RUNNER_TRACKING_ID"), Release: release,
	}
	h.identify()
	return h
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// runURL returns the page of the workflow run's attempt; empty outside CI.
func runURL(getenv func(string) string) string {
	if getenv("GITHUB_RUN_ID") == "" {
		return ""
	}
	return fmt.Sprintf("%s/%s/actions/runs/%s/attempts/%s", getenv("GITHUB_SERVER_URL"), getenv("GITHUB_REPOSITORY"),
		getenv("GITHUB_RUN_ID"), cmp.Or(getenv("GITHUB_RUN_ATTEMPT"), "1"))
}
