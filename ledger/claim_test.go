package ledger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
)

const (
	groupA = "arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/app-dev/6d0ecf831eec9f09"
	groupB = "arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/app-dev-tls/73e2d6bc24d8a067"
	claimA = "claims/us-west-1.123456789012.app-dev.6d0ecf831eec9f09"
	claimB = "claims/us-west-1.123456789012.app-dev-tls.73e2d6bc24d8a067"
)

func openAs(t *testing.T, store ledger.Store, name string) *ledger.Ledger {
	t.Helper()
	book, err := ledger.Open(store, name, ledger.Options{})
	require.NoError(t, err)
	return book
}

func TestAClaimIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, groups := &ledgertest.Memory{}, []string{groupA, groupB}
		require.NoError(t, openAs(t, store, "app/dev").CheckClaims(t.Context(), groups))
		assert.Zero(t, store.Puts(), "a look wrote")
		require.NoError(t, openAs(t, store, "app/dev").Claim(t.Context(), groups, holder("run-1")))
		var written map[string]any
		require.NoError(t, json.Unmarshal(store.Read(claimA), &written))
		assert.Equal(t, "run-1", written["holder"].(map[string]any)["run"])
		assert.Equal(t, time.Now().UTC().Format(time.RFC3339Nano), written["at"])
		delete(written, "holder")
		delete(written, "at")
		assert.Equal(t, map[string]any{"version": 1.0, "service": "app", "environment": "dev", "target_group": groupA}, written)

		assert.NotEmpty(t, store.Read(claimB))
		puts := store.Puts()
		require.NoError(t, openAs(t, store, "app/dev").Claim(t.Context(), groups, holder("run-2")))
		require.NoError(t, openAs(t, store, "app/dev").CheckClaims(t.Context(), groups))
		assert.Equal(t, puts, store.Puts())
	})
}

func TestAnothersTargetGroupIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		require.NoError(t, openAs(t, store, "app/dev").Claim(t.Context(), []string{groupA}, holder("run-1")))
		puts := store.Puts()
		for _, name := range []string{"orders/dev", "app/prod"} {
			book := openAs(t, store, name)
			claimed := book.Claim(t.Context(), []string{groupB, groupA}, holder("run-2"))
			for _, err := range []error{claimed, book.CheckClaims(t.Context(), []string{groupB, groupA})} {
				require.ErrorIs(t, err, ledger.ErrClaimed)
				var refused *ledger.ClaimError
				require.ErrorAs(t, err, &refused)
				require.Len(t, refused.Claims, 1)
				assert.Equal(t, "app", refused.Claims[0].Service)
				assert.Equal(t, "target group "+groupA+" belongs to app/dev, claimed on 2000-01-01 by run run-1 of ann on host-of-run-1, process 41: "+
					"to hand over to "+name+", first stop using the target group there, and then delete its claim: memory://"+claimA, err.Error())
			}
		}
		assert.Equal(t, puts, store.Puts(), "a refused run wrote a claim")
	})
}

func TestAClaimErrorNamesTheCommandForS3(t *testing.T) {
	err := &ledger.ClaimError{Service: "app", Environment: "dev", Claims: []ledger.Claim{
		{Service: "orders", Environment: "live", TargetGroup: groupA, Object: "s3://states/ledger/" + claimA},
		{Service: "orders", Environment: "live", TargetGroup: groupB, Object: "s3://states/ledger/" + claimB},
	}}
	assert.Contains(t, err.Error(), "`aws s3 rm s3://states/ledger/"+claimA+"` and `aws s3 rm s3://states/ledger/"+claimB+"`")
}

// Of all who claim a group at the same time, each of whom has found it unclaimed, exactly one gets it, and each other
// one is told who.
func TestClaimsRace(t *testing.T) {
	const claimants = 16
	store := together{Memory: &ledgertest.Memory{}, writers: &sync.WaitGroup{}}
	store.writers.Add(claimants)
	errs := make([]error, claimants)
	var wg sync.WaitGroup
	for i := range claimants {
		book := openAs(t, store, fmt.Sprintf("app-%d/dev", i))
		wg.Go(func() {
			errs[i] = book.Claim(context.WithoutCancel(t.Context()), []string{groupA}, holder(fmt.Sprintf("run-%d", i)))
		})
	}
	wg.Wait()
	won := ""
	for i, err := range errs {
		if err == nil {
			require.Empty(t, won, "two have it")
			won = fmt.Sprintf("app-%d/dev", i)
		}
	}
	require.NotEmpty(t, won)
	for _, err := range errs {
		if err != nil {
			require.ErrorIs(t, err, ledger.ErrClaimed)
			assert.ErrorContains(t, err, "belongs to "+won+",")
		}
	}
}

// together is a store that begins no write before all writers have come.
type together struct {
	*ledgertest.Memory
	writers *sync.WaitGroup
}

func (s together) Put(ctx context.Context, key string, data []byte, version ledger.Version) (ledger.Stamp, error) {
	s.writers.Done()
	s.writers.Wait()
	return s.Memory.Put(ctx, key, data, version)
}

func TestAClaimWhoseAnswerIsLostCounts(t *testing.T) {
	for name, fault := range map[string]func(n int) ledgertest.Fault{
		"lost":     func(n int) ledgertest.Fault { return []ledgertest.Fault{ledgertest.Lost(), {}}[min(n-1, 1)] },
		"always":   func(int) ledgertest.Fault { return ledgertest.Lost() },
		"late":     func(n int) ledgertest.Fault { return []ledgertest.Fault{ledgertest.Late(time.Second), {}}[min(n-1, 1)] },
		"conflict": func(int) ledgertest.Fault { return ledgertest.Fault{Err: ledger.ErrConflict, Applied: true} },
		"throttled": func(n int) ledgertest.Fault {
			return []ledgertest.Fault{ledgertest.Throttled(), ledgertest.Throttled(), {}}[min(n-1, 2)]
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &ledgertest.Memory{Fault: puts(claimA, fault)}
				require.NoError(t, openAs(t, store, "app/dev").Claim(t.Context(), []string{groupA}, holder("run-1")))
				assert.Contains(t, string(store.Read(claimA)), `"service":"app"`)
				time.Sleep(time.Minute)
				assert.ErrorIs(t, openAs(t, store, "orders/dev").CheckClaims(t.Context(), []string{groupA}), ledger.ErrClaimed)
			})
		})
	}
}

func TestAClaimThatIsNotUnderstoodIsLeftAlone(t *testing.T) {
	store := &ledgertest.Memory{}
	require.NoError(t, openAs(t, store, "app/dev").Claim(t.Context(), []string{groupA}, holder("run-1")))
	good := string(store.Read(claimA))
	for name, row := range map[string]struct{ data, want string }{
		"empty":         {"", "cut off or not JSON"},
		"cut off":       {good[:len(good)/2], "cut off or not JSON"},
		"newer":         {strings.Replace(good, `"version":1`, `"version":2`, 1), "it is of version 2, this program knows version 1"},
		"unknown field": {strings.Replace(good, `"service"`, `"owner":"x","service"`, 1), `unknown field "owner"`},
		"other group":   {strings.Replace(good, groupA, groupB, 1), `it is of target group "` + groupB},
		"no service":    {strings.Replace(good, `"app"`, `""`, 1), `service ""`},
		"a path":        {strings.Replace(good, `"dev"`, `"../dev"`, 1), `environment "../dev"`},
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, good, row.data, "the row changes nothing")
			store := &ledgertest.Memory{}
			store.Overwrite(claimA, []byte(row.data))
			book := openAs(t, store, "app/dev")
			for _, err := range []error{book.Claim(t.Context(), []string{groupA}, holder("run-2")), book.CheckClaims(t.Context(), []string{groupA})} {
				require.ErrorAs(t, err, new(*ledger.FormatError))
				require.ErrorContains(t, err, "claim target group "+groupA+" for app/dev: read memory://"+claimA+": ")
				require.ErrorContains(t, err, row.want)
			}
			assert.Zero(t, store.Puts())
			assert.Equal(t, row.data, string(store.Read(claimA)))
		})
	}
}

// unseen is a store whose objects a role may not read unless listed says that it may list them.
type unseen struct {
	unlisted
	listed bool
}

func (u unseen) List(ctx context.Context, prefix string) ([]ledger.Info, error) {
	if !u.listed {
		return nil, ledger.ErrDenied
	}
	return u.unlisted.List(ctx, prefix)
}

func TestAClaimThatIsHidden(t *testing.T) {
	claimed := &ledgertest.Memory{}
	require.NoError(t, openAs(t, claimed, "app/dev").Claim(t.Context(), []string{groupA}, holder("run-1")))
	for name, row := range map[string]struct {
		store         unseen
		check, claims string
	}{
		"none, may list":         {unseen{unlisted{&ledgertest.Memory{}, true}, true}, "", ""},
		"none, may not list":     {unseen{unlisted{&ledgertest.Memory{}, true}, false}, "hides that there is no such object", ""},
		"one that is not shown":  {unseen{unlisted{claimed, false}, true}, "a claim needs s3:GetObject and s3:PutObject on memory://claims/*", "a claim needs s3:GetObject and s3:PutObject on memory://claims/*"},
		"one that is not listed": {unseen{unlisted{claimed, false}, false}, "a claim needs s3:GetObject", "a claim needs s3:GetObject"},
	} {
		t.Run(name, func(t *testing.T) {
			book := openAs(t, row.store, "app/dev")
			check := book.CheckClaims(t.Context(), []string{groupA})
			claim := book.Claim(t.Context(), []string{groupA}, holder("run-2"))
			for _, answer := range []struct {
				err  error
				want string
			}{{check, row.check}, {claim, row.claims}} {
				if answer.want == "" {
					assert.NoError(t, answer.err)
					continue
				}
				require.ErrorIs(t, answer.err, ledger.ErrDenied)
				require.ErrorContains(t, answer.err, answer.want)
			}
		})
	}
}

func TestAClaimThatMayNotBeWritten(t *testing.T) {
	store := &ledgertest.Memory{Fault: puts(claimA, func(int) ledgertest.Fault { return ledgertest.Denied() })}
	err := openAs(t, store, "app/dev").Claim(t.Context(), []string{groupA}, holder("run-1"))
	require.ErrorIs(t, err, ledger.ErrDenied)
	require.ErrorContains(t, err, "write memory://"+claimA)
	require.ErrorContains(t, err, "a claim needs s3:GetObject and s3:PutObject on memory://claims/*")
}

func TestAClaimOfNoTargetGroup(t *testing.T) {
	store := &ledgertest.Memory{}
	for _, group := range []string{
		"", "app-dev", "arn:aws:elasticloadbalancing:us-west-1:123456789012:loadbalancer/net/app/1",
		strings.Replace(groupA, "app-dev", "../dev", 1), strings.Replace(groupA, "app-dev", "app.dev", 1), groupA + "/x", groupA + "\n",
	} {
		for _, err := range []error{
			openAs(t, store, "app/dev").Claim(t.Context(), []string{group}, holder("run-1")),
			openAs(t, store, "app/dev").CheckClaims(t.Context(), []string{group}),
		} {
			require.ErrorContains(t, err, "is not arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID", group)
		}
	}
	assert.Zero(t, store.Puts())
}
