package ledger

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

var (
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixPattern = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
)

// ParseLocation reads where a ledger is: s3://BUCKET/PREFIX?region=REGION. The region is the bucket's and has to be
// given, because a ledger is often in another region than what it is of.
func ParseLocation(text string) (S3Options, error) {
	fault := func() (S3Options, error) {
		return S3Options{}, fmt.Errorf("ledger %q: want s3://BUCKET/PREFIX?region=REGION", text)
	}
	path, query, _ := strings.Cut(text, "?")
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(path, "s3://"), "/")
	prefix = strings.TrimSuffix(prefix, "/")
	values, err := url.ParseQuery(query)
	if err != nil || !strings.HasPrefix(path, "s3://") || len(values) != 1 || len(values["region"]) != 1 {
		return fault()
	}
	o := S3Options{Bucket: bucket, Prefix: prefix, Region: values.Get("region")}
	if !bucketPattern.MatchString(o.Bucket) || !prefixPattern.MatchString(o.Prefix) || !regionPattern.MatchString(o.Region) {
		return fault()
	}
	return o, nil
}
