package s3api

import (
	"crypto/md5" // for the ETag
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"net/http"
	"time"
)

// bucket holds objects by key.
type bucket map[string]object

type object struct {
	data        []byte
	etag        string
	modified    time.Time
	contentType string
	encryption  string
}

func newObject(c *call, now time.Time) object {
	sum := md5.Sum(c.body)
	header := c.request.Header
	return object{
		data: c.body, etag: `"` + hex.EncodeToString(sum[:]) + `"`, modified: now.UTC().Truncate(time.Second),
		contentType: header.Get("Content-Type"), encryption: header.Get("X-Amz-Server-Side-Encryption"),
	}
}

// crc returns the checksum that the SDK requests, in the form of its header.
func (o object) crc() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(o.data)))
}

// describe sets the headers that describe an object.
func (o object) describe(h http.Header) {
	h.Set("ETag", o.etag)
	if o.encryption == "" {
		o.encryption = "AES256" // every bucket's default
	}
	h.Set("X-Amz-Server-Side-Encryption", o.encryption)
}

func (s *Server) getObject(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.find(c)
	if err != nil {
		return failed(err)
	}
	return func(w http.ResponseWriter, c *call) { o.serve(w, c.request) }
}

// find returns the object of a call. The caller holds mu.
func (s *Server) find(c *call) (object, *apiError) {
	objects, exists := s.buckets[c.bucket]
	if !exists {
		return object{}, noSuchBucket(c.bucket)
	}
	o, exists := objects[c.key]
	if !exists && !c.maySeeThatNothingIsThere() {
		return object{}, accessDenied()
	}
	if !exists {
		return object{}, &apiError{code: "NoSuchKey", message: "The specified key does not exist.", status: http.StatusNotFound}
	}
	return o, nil
}

// putObject evaluates the condition and writes the object in one step.
func (s *Server) putObject(c *call) reply {
	written := newObject(c, s.now())
	s.mu.Lock()
	defer s.mu.Unlock()
	before, missing := s.find(c)
	if missing != nil && missing.code == "NoSuchBucket" {
		return failed(missing)
	}
	if err := condition(c.request.Header, before, missing); err != nil {
		return failed(err)
	}
	s.buckets[c.bucket][c.key] = written
	return func(w http.ResponseWriter, _ *call) {
		written.describe(w.Header())
		w.Header().Set("X-Amz-Checksum-Crc32", written.crc())
		w.Header().Set("X-Amz-Checksum-Type", "FULL_OBJECT")
		w.WriteHeader(http.StatusOK)
	}
}

// condition returns an error if If-None-Match or If-Match does not allow a write. It is NoSuchKey if the write expects
// an object that does not exist.
func condition(h http.Header, before object, missing *apiError) *apiError {
	none, match := h.Get("If-None-Match"), h.Get("If-Match")
	switch {
	case none != "" && none != "*":
		return &apiError{code: "NotImplemented", message: "A header you provided implies functionality that is not implemented: If-None-Match", status: http.StatusNotImplemented}
	case none == "*" && missing == nil:
		return preconditionFailed("If-None-Match")
	case match != "" && missing != nil:
		return missing
	case match != "" && match != "*" && unquote(match) != unquote(before.etag):
		return preconditionFailed("If-Match")
	}
	return nil
}

func (s *Server) deleteObject(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, missing := s.find(c)
	switch {
	case missing != nil && missing.code == "NoSuchBucket":
		return failed(missing)
	case missing == nil || c.request.Header.Get("If-Match") != "":
		if err := condition(c.request.Header, before, missing); err != nil {
			return failed(err)
		}
	}
	delete(s.buckets[c.bucket], c.key)
	return func(w http.ResponseWriter, _ *call) { w.WriteHeader(http.StatusNoContent) }
}
