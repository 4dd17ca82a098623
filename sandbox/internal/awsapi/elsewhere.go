package awsapi

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
)

const (
	ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
	iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"
)

// elsewhere returns the services whose calls this endpoint only decides and then passes on.
func elsewhere(region string) map[string]service {
	return map[string]service{
		"ec2": {ec2Query{}, region, nil},
		"iam": {query{iamNamespace}, "", nil},
		"ssm": {jsonRPC{}, region, nil},
	}
}

// passOn passes a call, whose body was read, to Options.Elsewhere.
func (s *Server) passOn(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.opts.Elsewhere.ServeHTTP(w, r)
}

// ec2Query is EC2's variant of the Query protocol. Only its errors differ, as far as this endpoint needs it.
type ec2Query struct{ query }

func (q ec2Query) codes() commonCodes {
	codes := q.query.codes()
	codes.unsigned, codes.badKey, codes.notAllowed = "AuthFailure", "AuthFailure", "UnauthorizedOperation"
	return codes
}

func (q ec2Query) refuse(w http.ResponseWriter, e *apiError) {
	id := requestID()
	document := struct {
		XMLName   xml.Name `xml:"Response"`
		Code      string   `xml:"Errors>Error>Code"`
		Message   string   `xml:"Errors>Error>Message"`
		RequestID string
	}{Code: e.code, Message: e.message, RequestID: id}
	body, _ := xml.Marshal(document) // three strings cannot fail to encode
	q.send(w, e.status, id, body)
}
