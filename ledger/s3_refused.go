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

// s3Error is S3's refusal of a call, without the text that the SDK adds.
type s3Error struct {
	status int
	// code is S3's, such as NoSuchKey, or else the status's: NotFound.
	code    string
	message string
	request string
	// region is the bucket's, if S3 names it, as it does if a call comes to another one.
	region string
	// date is the store's time; zero if the response has none.
	date time.Time
	// cause is the SDK's error, which the SDK's rules for another attempt need.
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

// printable replaces control characters, because the text is printed to a terminal and may be that of another server than S3.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

// brokenError is returned for a call without a complete response, which may have been applied or not.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// ConnectionError makes the SDK's rules allow another attempt.
func (*brokenError) ConnectionError() bool { return true }

// expected finds the bucket's region in S3's message to a call that was signed for another one.
var expected = regexp.MustCompile(`expecting '([a-z0-9-]+)'`)

// plain returns the SDK's error as one of this package: a refusal, or a response that broke off.
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

// statusCode returns the name of a status in the form of S3's codes, such as NotFound.
func statusCode(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

// withoutOperation removes the names of the service and the operation, which do not help people.
func withoutOperation(err error) error {
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		return operation.Err
	}
	return err
}

// regionOf returns the first of the values that is the name of a region; empty if none is.
func regionOf(values ...string) string {
	for _, value := range values {
		if checkRegion(value) == nil {
			return value
		}
	}
	return ""
}
