package ledger

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// bucketName matches the names that S3 allows: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// ParseLocation parses the location of a ledger: s3://BUCKET/PREFIX?region=REGION. All three are required. The region is a
// part of the location, because every program that opens a ledger has to find the same bucket, whatever the region of its
// credentials or its environment is.
func ParseLocation(text string) (S3Options, error) {
	o, err := parseLocation(text)
	if err != nil {
		return S3Options{}, fmt.Errorf("ledger %q: want s3://BUCKET/PREFIX?region=REGION: %w", text, err)
	}
	return o, nil
}

func parseLocation(text string) (o S3Options, err error) {
	rest, isS3 := strings.CutPrefix(text, "s3://")
	if !isS3 {
		return o, errors.New("it is not in S3")
	}
	place, query, _ := strings.Cut(rest, "?")
	o.Bucket, o.Prefix, _ = strings.Cut(place, "/")
	if !bucketName.MatchString(o.Bucket) {
		return o, fmt.Errorf("bucket %q: want 3 to 63 lower-case letters, digits, dots and dashes", o.Bucket)
	}
	if err := o.check(); err != nil {
		return o, err
	}
	if o.Prefix == "" {
		return o, errors.New("it has no prefix")
	}
	o.Region, err = parseRegion(query)
	return o, err
}

// parseRegion parses the query of a location, which has only the region.
func parseRegion(query string) (string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", err
	}
	for name := range values {
		if name != "region" {
			return "", fmt.Errorf("the parameter %q is not known", name)
		}
	}
	regions := values["region"]
	switch len(regions) {
	case 0:
		return "", errors.New("it names no region")
	case 1:
		return regions[0], checkRegion(regions[0])
	}
	return "", fmt.Errorf("it names %d regions", len(regions))
}
