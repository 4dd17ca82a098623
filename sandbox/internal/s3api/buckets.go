package s3api

import (
	"encoding/base64"
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
	// maxKeys is S3's limit for a page of a list.
	maxKeys = 1000
	// listTime is the layout of times in a list.
	listTime = "2006-01-02T15:04:05.000Z"
)

func (s *Server) listBuckets(*call) reply {
	type entry struct{ Name, CreationDate string }
	type result struct {
		XMLName xml.Name `xml:"ListAllMyBucketsResult"`
		XMLNS   string   `xml:"xmlns,attr"`
		Buckets []entry  `xml:"Buckets>Bucket"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := result{XMLNS: namespace}
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		out.Buckets = append(out.Buckets, entry{name, time.Unix(0, 0).UTC().Format(listTime)})
	}
	return document(out)
}

func (s *Server) createBucket(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.buckets[c.bucket]; exists {
		return failed(&apiError{code: "BucketAlreadyOwnedByYou", message: "Your previous request to create the named bucket succeeded and you already own it.", status: http.StatusConflict})
	}
	s.buckets[c.bucket] = bucket{}
	return func(w http.ResponseWriter, _ *call) { w.WriteHeader(http.StatusOK) }
}

func (s *Server) headBucket(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.buckets[c.bucket]; !exists {
		return failed(noSuchBucket(c.bucket))
	}
	return func(w http.ResponseWriter, _ *call) {
		w.Header().Set("X-Amz-Bucket-Region", s.opts.Region)
		w.WriteHeader(http.StatusOK)
	}
}

func (s *Server) bucketLocation(c *call) reply {
	type result struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		XMLNS   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.buckets[c.bucket]; !exists {
		return failed(noSuchBucket(c.bucket))
	}
	if s.opts.Region == "us-east-1" { // S3 leaves out the name of its first region
		return document(result{XMLNS: namespace})
	}
	return document(result{XMLNS: namespace, Region: s.opts.Region})
}

func document(body any) reply {
	return func(w http.ResponseWriter, _ *call) { writeXML(w, http.StatusOK, body) }
}

type listEntry struct {
	Key, LastModified, ETag string
	Size                    int
	StorageClass            string
}

type listResult struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	XMLNS                 string   `xml:"xmlns,attr"`
	Name, Prefix          string
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	MaxKeys               int
	KeyCount              int
	IsTruncated           bool
	Marker                string `xml:",omitempty"`
	NextMarker            string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	Contents              []listEntry
	CommonPrefixes        []struct{ Prefix string }
}

// listObjects returns a page of a list, for both versions of the call.
func (s *Server) listObjects(c *call) reply {
	query := c.request.URL.Query()
	after, err := startAfter(c)
	if err != nil {
		return failed(err)
	}
	limit := maxKeys
	if n, err := strconv.Atoi(query.Get("max-keys")); err == nil && n >= 0 {
		limit = min(n, maxKeys)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	objects, exists := s.buckets[c.bucket]
	if !exists {
		return failed(noSuchBucket(c.bucket))
	}
	page := listResult{
		XMLNS: namespace, Name: c.bucket, Prefix: query.Get("prefix"), Delimiter: query.Get("delimiter"),
		MaxKeys: limit, ContinuationToken: query.Get("continuation-token"), Marker: query.Get("marker"),
	}
	page.fill(objects, after)
	if c.action == "ListObjects" {
		page.NextContinuationToken = ""
	} else {
		page.NextMarker = ""
	}
	return document(page)
}

// startAfter returns the key after which a page begins.
func startAfter(c *call) (string, *apiError) {
	query := c.request.URL.Query()
	token, err := base64.RawURLEncoding.DecodeString(query.Get("continuation-token"))
	if err != nil {
		return "", &apiError{code: "InvalidArgument", message: "The continuation token provided is incorrect", status: http.StatusBadRequest}
	}
	return max(string(token), query.Get("start-after"), query.Get("marker")), nil
}

// fill adds keys and common prefixes up to the page's limit.
func (p *listResult) fill(objects bucket, after string) {
	last := ""
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		name, common := p.group(key)
		if !strings.HasPrefix(key, p.Prefix) || name <= after || name == last {
			continue
		}
		if p.KeyCount == p.MaxKeys {
			p.IsTruncated = p.MaxKeys > 0
			p.NextMarker, p.NextContinuationToken = last, base64.RawURLEncoding.EncodeToString([]byte(last))
			return
		}
		last = name
		p.KeyCount++
		if common {
			p.CommonPrefixes = append(p.CommonPrefixes, struct{ Prefix string }{name})
			continue
		}
		o := objects[key]
		p.Contents = append(p.Contents, listEntry{key, o.modified.Format(listTime), o.etag, len(o.data), "STANDARD"})
	}
}

// group returns the name under which a key is listed: the key, or the common prefix up to the delimiter.
func (p *listResult) group(key string) (name string, common bool) {
	rest, within := strings.CutPrefix(key, p.Prefix)
	if !within || p.Delimiter == "" {
		return key, false
	}
	before, _, found := strings.Cut(rest, p.Delimiter)
	if !found {
		return key, false
	}
	return p.Prefix + before + p.Delimiter, true
}
