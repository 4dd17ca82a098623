package remote

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The package's sentinels, for errors.Is.
var (
	// ErrConfig: the configuration is not valid.
	ErrConfig = errors.New("bad SSH configuration")
	// ErrNoKey: neither a private key nor an SSH agent is given. It is an [ErrConfig].
	ErrNoKey = errors.New("neither a private key nor an SSH agent is given")
	// ErrKeyFile: the private key is missing, garbage, readable by others, or
	// its passphrase is wrong.
	ErrKeyFile = errors.New("private key unusable")
	// ErrAgent: the SSH agent cannot be reached or holds no key.
	ErrAgent = errors.New("SSH agent unusable")
	// ErrKnownHosts: a known_hosts file cannot be read.
	ErrKnownHosts = errors.New("known_hosts unusable")
	// ErrHostKeyUnknown: no known_hosts file has the host. See [HostKeyError].
	ErrHostKeyUnknown = errors.New("unknown host key")
	// ErrHostKeyChanged: known_hosts has another key. See [HostKeyError].
	ErrHostKeyChanged = errors.New("HOST KEY CHANGED")
	// ErrHostKeyInvalid: the key is revoked, or the host's certificate is not
	// valid for it now. See [HostKeyError].
	ErrHostKeyInvalid = errors.New("host key refused")
	// ErrAuth: the server refused the login.
	ErrAuth = errors.New("login refused")
	// ErrUnreachable: nothing answered as an SSH server in time.
	ErrUnreachable = errors.New("unreachable")
	// ErrForwarding: an SSH server forbids a connection through it.
	ErrForwarding = errors.New("forwarding forbidden")
	// ErrLost: the connection was there and is gone.
	ErrLost = errors.New("connection lost")
	// ErrTooLarge: a file or an output is larger than [MaxSize].
	ErrTooLarge = errors.New("too large")
	// ErrUnsupported: the server's SFTP lacks an extension.
	ErrUnsupported = errors.New("not supported by the SFTP server")
)

// checkTheWay is the remedy for a host that cannot be reached.
const checkTheWay = "check the address, the security group's rule for SSH, and whether the way leads through a jump host (Jump) or a ProxyCommand"

// silenceError is a host that did not answer in time.
type silenceError struct{ after time.Duration }

func (e *silenceError) Error() string {
	return fmt.Sprintf("%v: no answer in %s: %s", ErrUnreachable, e.after, checkTheWay)
}

func (e *silenceError) Unwrap() []error { return []error{ErrUnreachable, context.DeadlineExceeded} }

// HostKeyError is a host key that was not accepted. It is one of
// [ErrHostKeyUnknown], [ErrHostKeyChanged] and [ErrHostKeyInvalid].
type HostKeyError struct {
	// Kind is the sentinel.
	Kind error
	// Host is the host as known_hosts writes it: host, or [host]:port.
	Host string
	// Fingerprint of the key the server showed, "SHA256:…", and its type.
	Fingerprint, Type string
	// File is the known_hosts file to change, and Line the line that has another key; zero if there is none.
	File string
	Line int
	// Reason says what is wrong and what to do.
	Reason string
}

// Error returns one line.
func (e *HostKeyError) Error() string {
	return fmt.Sprintf("%v %s (%s) of %s: %s", e.Kind, e.Fingerprint, e.Type, e.Host, e.Reason)
}

// Unwrap returns the sentinel.
func (e *HostKeyError) Unwrap() error { return e.Kind }

// ExitError is a command that did not end well.
type ExitError struct {
	// Status is the exit status; -1 if a signal ended the command or the server reported neither.
	Status int
	// Signal is the signal's name without SIG, if one ended the command.
	Signal string
	// Stderr is the last line of standard error.
	Stderr string
}

// Error names the status and the last line of standard error.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("exit status %d", e.Status)
	switch {
	case e.Signal != "":
		text = "ended by signal " + e.Signal
	case e.Status < 0:
		text = "ended without an exit status"
	}
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}
