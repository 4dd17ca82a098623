package targets

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// ranOn is a run in a history: which digest it put on one instance, and how it ended.
type ranOn struct {
	commit, digest string
	outcome        rollout.Outcome
}

func TestComparePromoted(t *testing.T) {
	sha, other := strings.Repeat("a", 40), strings.Repeat("b", 40)
	same, moved := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	var long []ranOn
	for range 3 {
		long = append(long, ranOn{other, moved, rollout.Deployed})
	}
	for _, test := range []struct {
		name    string
		history []ranOn // the oldest first
		remark  string
		fault   string
	}{
		{"dev ran it", []ranOn{{sha, same, rollout.Deployed}, {other, moved, rollout.Deployed}}, "", ""},
		{"nothing", nil, "dev never ran commit " + sha + " on all its instances, by its last 0 runs", ""},
		{"others only", long, "dev never ran commit " + sha + " on all its instances, by its last 3 runs", ""},
		{"dev ran it already", []ranOn{{sha, same, rollout.UnchangedRun}}, "", ""},
		{"it failed on dev", []ranOn{{sha, same, rollout.RolledBack}}, "dev never ran commit " + sha, ""},
		{"the tag was moved", []ranOn{{sha, moved, rollout.Deployed}, {other, same, rollout.Deployed}}, "",
			"the tag " + sha + " now names " + same + ", but dev's run run-0 deployed " + moved + " under it"},
		{"the tag was moved, and dev ran both", []ranOn{{sha, moved, rollout.Deployed}, {sha, same, rollout.Deployed}}, "",
			"the tag " + sha + " now names " + same + ", but dev's run run-0 deployed " + moved + " under it"},
		{"the tag was moved, and what it names failed on dev", []ranOn{{sha, moved, rollout.Deployed}, {sha, same, rollout.RolledBack}}, "",
			"`mage deploy:prod " + sha + " -digest=" + moved + "` deploys what dev ran"},
	} {
		t.Run(test.name, func(t *testing.T) {
			books := historyOf(t, test.history)
			remark, err := comparePromoted(t.Context(), books, rollout.Release{Image: "r.example/x@" + same, Tag: sha, Commit: sha})
			if test.fault != "" {
				require.ErrorContains(t, err, test.fault)
				return
			}
			require.NoError(t, err)
			if test.remark == "" {
				assert.Empty(t, remark)
			}
			assert.Contains(t, remark, test.remark)
		})
	}
}

// historyOf makes dev's ledger with these runs.
func historyOf(t *testing.T, runs []ranOn) *ledger.Ledger {
	t.Helper()
	books, err := ledger.Open(&ledgertest.Memory{}, "growl-backend/dev", ledger.Options{})
	require.NoError(t, err)
	for n, ran := range runs {
		id := fmt.Sprintf("run-%d", n)
		lease, err := books.Acquire(t.Context(), ledger.Holder{RunID: id})
		require.NoError(t, err)
		require.NoError(t, lease.Finish(t.Context(), rollout.Result{
			Run: id, Environment: "dev", Outcome: ran.outcome, Release: rollout.Release{Image: "r.example/x@" + ran.digest, Commit: ran.commit},
			Instances: []rollout.InstanceResult{{ID: "i-1", Release: ran.digest, Outcome: rollout.Updated}},
		}))
	}
	return books
}

// TestProdGetsWhatDevRan deploys to an environment prod that has the instances of the sandbox's dev.
func TestProdGetsWhatDevRan(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStack(t, "-instances=1")
	sha := s.vars["V2"]
	fleet, err := os.ReadFile(s.vars["FLEET"])
	require.NoError(t, err)
	s.write("prod.json", strings.Replace(string(fleet), `"dev"`, `"prod"`, 1))
	file := s.path("report.json")
	prod := func(sha string, flags ...string) []string {
		return append([]string{"deploy:prod", sha, "-yes", s.policy(), "-allowDowntime", "-fleet=" + s.path("prod.json"), "-report=" + file}, flags...)
	}

	said := s.ok(prod(sha)...)
	assert.Contains(t, said, "dev never ran commit "+sha)
	report, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(report), "dev never ran commit "+sha, "it is in the report")

	s.ok(append(s.deploy(sha), "-allowDowntime")...)
	assert.NotContains(t, s.ok(prod(sha)...), "dev never ran")

	images, err := ecr.NewFromConfig(s.aws(t), s.fleet.Repository, ecr.Options{Region: s.fleet.RegistryRegion})
	require.NoError(t, err)
	ran, err := images.Resolve(t.Context(), sha)
	require.NoError(t, err)
	moved := s.publish(sha, sha) // another image of the same commit
	require.NotEqual(t, ran.Digest, moved)
	before := s.look(t)
	last := s.refuses(nil, prod(sha)...)
	assert.Contains(t, last, "now names "+moved+", but dev's run ")
	assert.Contains(t, last, "deployed "+ran.Digest)
	assert.Equal(t, before, s.look(t))

	s.ok(prod(sha, "-digest="+ran.Digest)...)
	report, err = os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(report), "-digest="+ran.Digest+": this image was chosen by its digest")
	assert.Contains(t, string(report), ran.Digest)

	assert.Contains(t, s.refuses(nil, prod(s.vars["V1"], "-digest="+moved)...), "is the image of commit "+sha+", not of "+s.vars["V1"])

	stamp, err := s.store(t).Get(t.Context(), "growl-backend/dev/current")
	require.NoError(t, err)
	_, err = s.store(t).Put(t.Context(), "growl-backend/dev/current", []byte("cut off"), stamp.Version)
	require.NoError(t, err)
	last = s.refuses(nil, prod(sha)...)
	assert.Contains(t, last, "compare the image of "+sha+" with what dev ran")
	assert.Contains(t, last, "the role of prod has to be allowed to read dev's history")
}
