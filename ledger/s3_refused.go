package ledger

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// s3Error is a call that S3 refused, without the SDK's words around it.
type s3Error struct {
	status int
	// code is S3's, such as NoSuchKey, or else the status's: NotFound.
	code    string
	message string
	request string
	// region is the bucket's, if S3 names it, as it does if a call comes to another one.
	region string
	// date is the store's clock; zero where the answer has none.
	date time.Time
	// cause is the SDK's error, which its rules for trying again are asked about.
	cause error
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

func (e *s3Error) Unwrap() error { return e.cause }

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

// ConnectionError is what the SDK's rules for trying again look for.
func (*brokenError) ConnectionError() bool { return true }

// expected finds the bucket's region in S3's message to a call that was signed for another one.
var expected = regexp.MustCompile(`expecting '([a-z0-9-]+)'`)

// plain returns the SDK's error in the words of this package: a refusal, or an answer that broke off.
func plain(err error) error {
	var unsigned *credentialsError
	if errors.As(err, &unsigned) {
		return unsigned.error
	}
	var unsent *smithyhttp.RequestSendError
	if errors.As(err, &unsent) {
		return &brokenError{unsent.Err}
	}
	var response *awshttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return withoutOperation(err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &brokenError{fmt.Errorf("the answer broke off: %w", withoutOperation(err))}
	}
	e := &s3Error{status: response.HTTPStatusCode(), request: response.ServiceRequestID(), cause: err}
	e.code = statusCode(e.status)
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() != "" && refused.ErrorCode() != "UnknownError" {
		e.code, e.message = refused.ErrorCode(), strings.TrimPrefix(refused.ErrorMessage(), "UnknownError")
	}
	named := ""
	if found := expected.FindStringSubmatch(e.message); found != nil {
		named = found[1]
	}
	e.region = regionOf(response.Response.Header.Get("X-Amz-Bucket-Region"), named)
	e.date, _ = http.ParseTime(response.Response.Header.Get("Date")) // who needs it looks at it
	if e.status == http.StatusOK {
		return &brokenError{fmt.Errorf("read the answer: %w", withoutOperation(err))}
	}
	return e
}

// statusCode is the name of a status in the form of S3's codes: NotFound.
func statusCode(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

// withoutOperation leaves out the names of the service and the operation, which say nothing to people.
func withoutOperation(err error) error {
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		return operation.Err
	}
	return err
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
