package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// fault names the reason why a request failed; empty if it succeeded. The constants are all names except "status 503"
// and the like.
type fault string

const (
	dialRefused     fault = "dial: refused"
	dialReset       fault = "dial: reset"
	dialTimeout     fault = "dial: timeout"
	dialUnreachable fault = "dial: unreachable"
	dialOwnLimit    fault = "dial: this machine's limit of ports or files"
	dialTLS         fault = "dial: tls"
	dialOther       fault = "dial: error"

	reset           fault = "reset"
	timeout         fault = "timeout"
	eofBeforeAnswer fault = "eof before answer"
	eofInAnswer     fault = "eof in answer"
	badAnswer       fault = "bad answer"
	broken          fault = "connection error"
	overrun         fault = "overrun"
)

// handshakeError is a TLS handshake that failed.
type handshakeError struct{ error }

func (e *handshakeError) Unwrap() error { return e.error }

func dialFault(err error) fault {
	var handshake *handshakeError
	switch {
	case isTimeout(err):
		return dialTimeout
	case is(err, syscall.ECONNREFUSED):
		return dialRefused
	case isReset(err):
		return dialReset
	case is(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN):
		return dialUnreachable
	case is(err, syscall.EADDRNOTAVAIL, syscall.EMFILE, syscall.ENFILE):
		return dialOwnLimit
	case errors.As(err, &handshake):
		return dialTLS
	default:
		return dialOther
	}
}

// brokenFault names the failure of a request that could not be written.
func brokenFault(err error) fault {
	switch {
	case isTimeout(err):
		return timeout
	case isReset(err):
		return reset
	default:
		return broken
	}
}

// unansweredFault names the failure of a request that got not one byte of an answer.
func unansweredFault(err error) fault {
	if errors.Is(err, io.EOF) {
		return eofBeforeAnswer
	}
	return brokenFault(err)
}

// answerFault names the failure of an answer that ended early or is not HTTP.
func answerFault(err error) fault {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return eofInAnswer
	}
	if f := brokenFault(err); f != broken {
		return f
	}
	return badAnswer
}

func isReset(err error) bool {
	return is(err, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &n) && n.Timeout()
}

func is(err error, any ...error) bool {
	for _, target := range any {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
