package awsapi

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const (
	elbNamespace   = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
	stsNamespace   = "https://sts.amazonaws.com/doc/2011-06-15/"
	alarmNamespace = "http://monitoring.amazonaws.com/doc/2010-08-01/"
	stsVersion     = "2011-06-15"
)

// form holds the parameters of a Query call.
type form url.Values

func (f form) get(name string) string { return url.Values(f).Get(name) }

// list returns the values of name.member.1, name.member.2 and so on.
func (f form) list(name string) []string {
	var values []string
	for i := 1; ; i++ {
		key := fmt.Sprintf("%s.member.%d", name, i)
		if _, given := f[key]; !given {
			return values
		}
		values = append(values, f.get(key))
	}
}

// records returns the fields of name.member.1, name.member.2 and so on, until the required field is missing.
func (f form) records(name, required, optional string) [][2]string {
	var records [][2]string
	for i := 1; ; i++ {
		prefix := fmt.Sprintf("%s.member.%d.", name, i)
		if _, given := f[prefix+required]; !given {
			return records
		}
		records = append(records, [2]string{f.get(prefix + required), f.get(prefix + optional)})
	}
}

// members is a list of the Query protocol, which writes an empty list too.
type members[T any] struct {
	Member []T `xml:"member"`
}

// query is AWS's Query protocol, with parameters in a form and responses in XML.
type query struct{ namespace string }

func (query) codes() commonCodes {
	return commonCodes{
		unsigned:      "MissingAuthenticationToken",
		badKey:        "InvalidClientTokenId",
		badRegion:     "SignatureDoesNotMatch",
		notAllowed:    "AccessDenied",
		throttled:     "Throttling",
		unknownAction: "InvalidAction",
		denied:        http.StatusForbidden,
	}
}

type metadata struct {
	RequestID string `xml:"RequestId"`
}

func (q query) write(w http.ResponseWriter, action string, result any) {
	id := requestID()
	root := q.element(action + "Response")
	var body bytes.Buffer
	e := xml.NewEncoder(&body)
	err := e.EncodeToken(root)
	if err == nil {
		err = e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}})
	}
	if err == nil {
		err = e.EncodeElement(metadata{id}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}})
	}
	if err == nil {
		err = e.EncodeToken(root.End())
	}
	if err == nil {
		err = e.Flush()
	}
	if err != nil {
		q.refuse(w, &apiError{"InternalFailure", err.Error(), http.StatusInternalServerError})
		return
	}
	q.send(w, http.StatusOK, id, body.Bytes())
}

type errorResponse struct {
	Type      string `xml:"Error>Type"`
	Code      string `xml:"Error>Code"`
	Message   string `xml:"Error>Message"`
	RequestID string `xml:"RequestId"`
}

func (q query) refuse(w http.ResponseWriter, e *apiError) {
	blame := "Sender"
	if e.status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	id := requestID()
	var body bytes.Buffer
	// Four strings cannot fail to encode.
	_ = xml.NewEncoder(&body).EncodeElement(errorResponse{blame, e.code, e.message, id}, q.element("ErrorResponse"))
	q.send(w, e.status, id, body.Bytes())
}

func (q query) element(name string) xml.StartElement {
	return xml.StartElement{
		Name: xml.Name{Local: name},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: q.namespace}},
	}
}

func (query) send(w http.ResponseWriter, status int, id string, body []byte) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Amzn-RequestId", id)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// requestID returns a random ID in the form of a UUID.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	x := hex.EncodeToString(b[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
