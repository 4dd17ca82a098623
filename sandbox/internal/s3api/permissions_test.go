package s3api_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/iam"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox/internal/s3api"
)

const roleKey = "ASIAROLE000000000000"

// heldTo is an endpoint whose client acts as a role with one policy. The buckets are the administrator's too.
func heldTo(t *testing.T, statements ...string) (role *iam.Role, as, admin *s3.Client) {
	t.Helper()
	policy, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`))
	require.NoError(t, err)
	role = iam.NewRole("arn:aws:sts::000000000000:assumed-role/ci/sandbox", policy)
	keys := &iam.Keys{}
	keys.Add(roleKey, role)
	site := httptest.NewServer(s3api.New(s3api.Options{AccessKeyID: key, Roles: keys, Region: region, Buckets: []string{states}}))
	t.Cleanup(site.Close)
	return role, s3.NewFromConfig(loadConfig(t, site.URL, roleKey)), s3.NewFromConfig(loadConfig(t, site.URL, key))
}

const readAndWrite = `{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::growl-states/ledger/app/dev/*"}`

func TestARoleMayDoWhatItsPolicyAllows(t *testing.T) {
	role, as, admin := heldTo(t, readAndWrite,
		`{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::growl-states", "Condition": {"StringLike": {"s3:prefix": "ledger/app/dev/*"}}}`)
	bucket, own, others := states, "ledger/app/dev/current", "ledger/prod/current"
	put := func(client *s3.Client, key string) error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x")})
		return err
	}
	require.NoError(t, put(as, own))
	require.NoError(t, put(admin, others), "the administrator's key is held to a policy")
	assert.Equal(t, "AccessDenied", code(t, put(as, others)))
	_, err := as.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &own})
	require.NoError(t, err)
	_, err = as.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &others})
	assert.Equal(t, "AccessDenied", code(t, err))
	require.ErrorContains(t, err, "User: arn:aws:sts::000000000000:assumed-role/ci/sandbox is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::growl-states/ledger/prod/current")
	list := func(prefix *string) error {
		_, err := as.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: prefix})
		return err
	}
	within, outside := "ledger/app/dev/history/", "ledger/"
	require.NoError(t, list(&within))
	assert.Equal(t, "AccessDenied", code(t, list(&outside)))
	assert.Equal(t, "AccessDenied", code(t, list(nil)), "a list of everything has no prefix")
	_, err = as.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &own})
	assert.Equal(t, "AccessDenied", code(t, err))
	_, err = as.GetBucketAcl(t.Context(), &s3.GetBucketAclInput{Bucket: &bucket})
	assert.Equal(t, "NotImplemented", code(t, err), "a call that is mapped to no permission is decided")

	var actions []string
	for _, allowed := range role.Allowed() {
		actions = append(actions, allowed.Action)
	}
	assert.Equal(t, []string{"s3:GetObject", "s3:ListBucket", "s3:PutObject"}, actions)
	assert.Len(t, role.Denied(), 5)
}

// TestOnlyWhoMayListLearnsThatNothingIsThere: a request for an object has no s3:prefix, so that a condition on it
// does not help.
func TestOnlyWhoMayListLearnsThatNothingIsThere(t *testing.T) {
	const list = `{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::growl-states"`
	for name, test := range map[string]struct {
		statements []string
		want       string
	}{
		"may not list":        {[]string{readAndWrite}, "AccessDenied"},
		"may list the bucket": {[]string{readAndWrite, list + `}`}, "NoSuchKey"},
		"may list a prefix":   {[]string{readAndWrite, list + `, "Condition": {"StringLike": {"s3:prefix": "ledger/app/dev/*"}}}`}, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			_, as, _ := heldTo(t, test.statements...)
			bucket, key := states, "ledger/app/dev/current"
			_, err := as.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
			assert.Equal(t, test.want, code(t, err))
		})
	}
}

// TestARoleThatMayCreateMayNotReplace: a condition on s3:if-none-match holds for a create alone, which S3 refuses if the
// object exists.
func TestARoleThatMayCreateMayNotReplace(t *testing.T) {
	_, as, admin := heldTo(t, `{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::growl-states/ledger/claims/*",
		"Condition": {"Null": {"s3:if-none-match": "false"}}}`)
	bucket, key := states, "ledger/claims/x"
	put := func(client *s3.Client, absent, version *string) error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x"), IfNoneMatch: absent, IfMatch: version})
		return err
	}
	assert.Equal(t, "AccessDenied", code(t, put(as, nil, nil)))
	require.NoError(t, put(as, aws.String("*"), nil))
	assert.Equal(t, "PreconditionFailed", code(t, put(as, aws.String("*"), nil)))
	there, err := admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	require.NoError(t, err)
	assert.Equal(t, "AccessDenied", code(t, put(as, nil, there.ETag)))
}

// TestALedgerUnderAPolicy reads and makes the ledger's first object as a role that may list a prefix alone.
func TestALedgerUnderAPolicy(t *testing.T) {
	const list = `{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::growl-states", "Condition": {"StringLike": {"s3:prefix": "ledger/app/dev/*"}}}`
	open := func(t *testing.T, as *s3.Client) *ledger.Ledger {
		store, err := ledger.NewS3FromConfig(loadConfig(t, *as.Options().BaseEndpoint, roleKey), ledger.S3Options{Bucket: states, Prefix: "ledger"})
		require.NoError(t, err)
		book, err := ledger.Open(store, "app/dev", ledger.Options{})
		require.NoError(t, err)
		return book
	}
	t.Run("all that a run needs", func(t *testing.T) {
		role, as, _ := heldTo(t, readAndWrite, list)
		book := open(t, as)
		lease := acquire(t, book, "run-1")
		require.NoError(t, lease.Finish(t.Context(), rollout.Result{Run: "run-1", Outcome: rollout.Deployed}))
		records, err := book.History(t.Context(), 5)
		require.NoError(t, err)
		require.Len(t, records, 1)
		assert.Empty(t, role.Denied())
	})
	t.Run("a look before the first run", func(t *testing.T) {
		_, as, _ := heldTo(t, readAndWrite, list)
		_, err := open(t, as).Current(t.Context())
		require.ErrorIs(t, err, ledger.ErrHidden)
		require.ErrorContains(t, err, "if s3://growl-states/ledger/app/dev/current exists, allow s3:GetObject on it; if it does not, s3:ListBucket on the bucket decides")
	})
	t.Run("no permission to read", func(t *testing.T) {
		_, as, admin := heldTo(t, `{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::growl-states/ledger/app/dev/*"}`, list)
		bucket, key := states, "ledger/app/dev/current"
		_, err := admin.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("somebody's")})
		require.NoError(t, err)
		_, err = open(t, as).Acquire(t.Context(), ledger.Holder{RunID: "run-1", Owner: "ann"})
		require.ErrorContains(t, err, "it exists, because it could not be created: allow s3:GetObject on it")
	})
	t.Run("no permission to write", func(t *testing.T) {
		_, as, _ := heldTo(t, `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::growl-states/ledger/app/dev/*"}`, list)
		_, err := open(t, as).Acquire(t.Context(), ledger.Holder{RunID: "run-1", Owner: "ann"})
		require.ErrorIs(t, err, ledger.ErrDenied)
		require.ErrorContains(t, err, "s3:PutObject")
	})
}
