package ledger

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
)

const (
	// maxRefusal bounds what is read of an error, in bytes.
	maxRefusal = 64 << 10
	// clockTolerance is how far the signing clock may be from the answer's Date for
	// another attempt not to be signed any better. S3 refuses at 15 minutes.
	clockTolerance = time.Minute
)

// s3Error is a call that S3 refused.
type s3Error struct {
	status int
	// code is S3's, such as NoSuchKey, or else the status's: NotFound.
	code    string
	message string
	request string
	// region is the bucket's, if S3 names it, as it does to who asks in another one.
	region string
	// date is the store's clock; zero where the answer has none.
	date time.Time
	// clockSet says that the call was signed by a wrong clock, set right since.
	clockSet bool
}

func (e *s3Error) Error() string {
	text := fmt.Sprintf("S3 answers %d %s", e.status, e.code)
	if e.message != "" {
		text += ": " + e.message
	}
	if e.request != "" {
		text += " (request " + e.request + ")"
	}
	return shorten(strings.Map(printable, text))
}

// ErrorCode and HTTPStatusCode are what the SDK's rules for trying again ask for.
func (e *s3Error) ErrorCode() string   { return e.code }
func (e *s3Error) HTTPStatusCode() int { return e.status }

// printable keeps what S3, or whoever answered in its place, may write to a terminal.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

// brokenError is a call that has no whole answer: what it asked for may be done or not.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// ConnectionError is what the SDK's rules for trying again ask for.
func (*brokenError) ConnectionError() bool { return true }

// refused reads an answer that is an error. ahead is what the call was signed with.
func (c *s3Client) refused(response *http.Response, ahead time.Duration) error {
	body, broken := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	e := readRefusal(response.StatusCode, body)
	e.request = response.Header.Get("X-Amz-Request-Id")
	e.region = regionOf(response.Header.Get("X-Amz-Bucket-Region"), e.region)
	e.date, _ = http.ParseTime(response.Header.Get("Date")) // who needs it looks at it
	if e.code == "RequestTimeTooSkewed" && !e.date.IsZero() && !c.keepClock {
		observed := time.Until(e.date)
		c.ahead.Store(int64(observed))
		e.clockSet = (observed - ahead).Abs() > clockTolerance
	}
	if broken != nil {
		return &brokenError{fmt.Errorf("%w: the answer broke off: %w", e, broken)}
	}
	return e
}

// readRefusal reads S3's error document. What is none, as of a proxy in between,
// leaves the status to speak.
func readRefusal(status int, body []byte) *s3Error {
	var document struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
		Region  string
	}
	if err := xml.Unmarshal(body, &document); err != nil || document.Code == "" {
		return &s3Error{status: status, code: strings.ReplaceAll(http.StatusText(status), " ", "")}
	}
	return &s3Error{status: status, code: document.Code, message: document.Message, region: document.Region}
}

// regionOf is the first of an answer's values that is the name of a region, empty if none is.
func regionOf(values ...string) string {
	for _, value := range values {
		if checkRegion(value) == nil {
			return value
		}
	}
	return ""
}
