package ledger

import (
	"net/http"
	"net/url"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever a key is, it arrives as it is, and below the bucket.
func FuzzAddress(f *testing.F) {
	for _, key := range []string{"dev/current", "../x", "//host/x", "%2e%2E/%", "a?b#c", "\x00\xff ü"} {
		f.Add(key)
	}
	path := &s3Client{bucket: url.URL{Scheme: "http", Host: "127.0.0.1:9000", Path: "/bucket"}}
	host := &s3Client{bucket: url.URL{Scheme: "https", Host: "bucket.s3.us-west-1.amazonaws.com"}}
	f.Fuzz(func(t *testing.T, key string) {
		if key == "" {
			return // the bucket itself
		}
		for client, root := range map[*s3Client]string{path: "/bucket/", host: "/"} {
			request, err := client.request(t.Context(), s3Call{method: http.MethodGet, key: key})
			require.NoError(t, err)
			require.Equal(t, client.bucket.Host, request.URL.Host)
			require.Equal(t, client.bucket.Host, request.Host)
			arrived, err := url.ParseRequestURI(request.URL.RequestURI())
			require.NoError(t, err)
			require.Equal(t, root+key, arrived.Path)
			require.Empty(t, arrived.RawQuery)
		}
	})
}

// Whatever is answered in S3's place is one short line, and nothing is read out
// of half a document.
func FuzzReadRefusal(f *testing.F) {
	f.Add(403, []byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`))
	f.Add(404, []byte(`<Error><Code>NoSuchKey</Code>`))
	f.Add(502, []byte(`<html><body>Bad Gateway`))
	f.Add(999, []byte("<Error><Code>a&#10;b</Code><Message>\x1b[31m\u202e</Message></Error>"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := readRefusal(status, body)
		require.Equal(t, status, e.HTTPStatusCode())
		require.Less(t, len(e.Error()), 510)
		for _, r := range e.Error() {
			require.False(t, unicode.IsControl(r), "%q", e.Error())
		}
		if len(body) > 0 && e.code != readRefusal(status, nil).code {
			require.Contains(t, string(body), "<Error")
		}
	})
}

func FuzzReadPage(f *testing.F) {
	f.Add([]byte(`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>` +
		`<Contents><Key>a &amp; b</Key><LastModified>2013-05-24T00:00:00.000Z</LastModified></Contents></ListBucketResult>`))
	f.Add([]byte(`<Error><Code>AccessDenied</Code></Error>`))
	f.Add([]byte(`<ListBucketResult><Contents>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := readPage(body)
		if err != nil {
			require.Empty(t, page.Contents)
			require.True(t, passing(err))
			return
		}
		require.Equal(t, "ListBucketResult", page.XMLName.Local)
	})
}

func TestReadPage(t *testing.T) {
	page, err := readPage([]byte(`<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>` +
		`<Contents><Key>a &amp; b</Key><LastModified>2013-05-24T00:00:00.000Z</LastModified></Contents><Contents><Key>c</Key></Contents></ListBucketResult>`))
	require.NoError(t, err)
	require.Len(t, page.Contents, 2)
	assert.Equal(t, "a & b", page.Contents[0].Key)
	assert.Equal(t, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC), page.Contents[0].LastModified)
	assert.True(t, page.IsTruncated)
	assert.Equal(t, "x", page.NextContinuationToken)
}
