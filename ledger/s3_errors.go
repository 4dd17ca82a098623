package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// explain adds the kind and the remedy to an error of S3.
func (s *S3) explain(err error) error {
	err = plain(err)
	var refused *s3Error
	if errors.As(err, &refused) {
		if kind := s.refusal(refused); kind != nil {
			return fmt.Errorf("%w: %w", kind, err)
		}
	}
	if passing(err) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// hidden adds ErrHidden to a denied read. S3 returns 403 also for an object that does not exist, if the caller may not list
// the bucket. A request for an object has no s3:prefix, so that a permission with a condition on that may not be enough.
func (s *S3) hidden(err error, key string) error {
	var refused *s3Error
	if !errors.As(err, &refused) || refused.code != "AccessDenied" {
		return err
	}
	return fmt.Errorf("%w: if %s/%s exists, allow s3:GetObject on it; if it does not, s3:ListBucket on the bucket decides whether S3 says so: %w", ErrHidden, s, key, refused)
}

// refusal returns the kind of a refused call; nil if it is not certain.
func (s *S3) refusal(e *s3Error) error {
	if s.elsewhere(e) {
		return fmt.Errorf("%w: %s", ErrNoStore, s.nameRegion(e.region))
	}
	switch e.code {
	case "PreconditionFailed":
		return ErrConflict
	case "NoSuchKey":
		return ErrNotFound
	case "ConditionalRequestConflict":
		// Another write was under way: neither applied nor refused by its condition.
		return ErrUnavailable
	case "NoSuchBucket":
		return fmt.Errorf("%w: there is no bucket %s: check its name and the account of the credentials", ErrNoStore, s.options.Bucket)
	case "AccessDenied", "AllAccessDisabled":
		return fmt.Errorf("%w: allow s3:GetObject and s3:PutObject on %s/* and s3:ListBucket on the bucket", ErrDenied, s)
	case "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch":
		return fmt.Errorf("%w: the AWS credentials are expired or not valid: run `aws sso login` or refresh them", ErrDenied)
	}
	return nil
}

// elsewhere reports whether S3 refused a call because the bucket is in another region than the location names.
func (s *S3) elsewhere(e *s3Error) bool {
	switch {
	case e.region == s.options.Region:
		return false
	case slices.Contains(regionErrors, e.code):
		return true
	}
	return e.region != "" && e.status >= http.StatusMultipleChoices && e.status < http.StatusBadRequest
}

// regionErrors are the codes that S3 returns for a call to a bucket in another region.
var regionErrors = []string{"PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}

// nameRegion returns the remedy for a location with another region than the bucket's own, which is empty if S3 named none.
func (s *S3) nameRegion(own string) string {
	text := fmt.Sprintf("bucket %s is not in %s: name its region", s.options.Bucket, s.options.Region)
	if own == "" {
		return fmt.Sprintf("%s in the ledger's location, %s?region=REGION: `aws s3api get-bucket-location --bucket %s` prints it", text, s, s.options.Bucket)
	}
	return fmt.Sprintf("%s, %s, in the ledger's location: %s?region=%[2]s", text, own, s)
}

// passing reports whether another attempt may succeed, because the call was throttled, failed on S3's side, was broken off, or
// was signed by a wrong clock, which the client has corrected since. The rules are the SDK's own.
func passing(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool()
}
