package s3api

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strings"
)

// apiError is an error in the form that S3 returns.
type apiError struct {
	code    string
	message string
	status  int
	// region is the bucket's, for a client that used another one.
	region string
}

func preconditionFailed(condition string) *apiError {
	return &apiError{code: "PreconditionFailed", message: "At least one of the pre-conditions you specified did not hold: " + condition, status: http.StatusPreconditionFailed}
}

func noSuchBucket(name string) *apiError {
	return &apiError{code: "NoSuchBucket", message: "The specified bucket does not exist: " + name, status: http.StatusNotFound}
}

// errorDocument is the body of an error.
type errorDocument struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Region    string `xml:",omitempty"`
	Resource  string
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}

// write writes the error. The response to a HEAD has no body.
func (e *apiError) write(w http.ResponseWriter, c *call) {
	if e.region != "" {
		w.Header().Set("X-Amz-Bucket-Region", e.region)
	}
	if c.request.Method == http.MethodHead {
		w.WriteHeader(e.status)
		return
	}
	writeXML(w, e.status, errorDocument{
		Code: e.code, Message: e.message, Region: e.region, Resource: c.request.URL.Path,
		RequestID: w.Header().Get("X-Amz-Request-Id"), HostID: "sandbox",
	})
}

func writeXML(w http.ResponseWriter, status int, document any) {
	body, err := xml.Marshal(document)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(xml.Header)) // an error means that the client has disconnected
	_, _ = w.Write(body)
}

func requestID() string {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return strings.ToUpper(hex.EncodeToString(random))
}
