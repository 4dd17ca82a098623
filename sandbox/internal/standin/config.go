package standin

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// The variables that a stand-in reads, besides PORT, LISTEN_HOST and GIT_COMMIT.
const (
	// Variable holds the [Config] as JSON.
	Variable = "STAND_IN"
	// CountFileVariable is the path of the file with the count of connections. It is a variable of its own, because the
	// engine translates a value that is a path under a mount.
	CountFileVariable = "STAND_IN_COUNT_FILE"
)

// Config sets the responses of a stand-in, and its fault.
type Config struct {
	// Name is the service's.
	Name string `json:"name"`
	// The response to HealthPath is 200, and that to VersionPath is the commit. If VersionPath is empty, no path has that
	// response.
	HealthPath  string `json:"health_path"`
	VersionPath string `json:"version_path,omitempty"`
	// CountField is the field in VersionPath's response with the count of connections. Empty: there is none.
	CountField string `json:"count_field,omitempty"`
	// After DrainSignal each response ends its connection, and after UndrainSignal none does. Zero: no signal does that.
	DrainSignal   syscall.Signal `json:"drain_signal,omitempty"`
	UndrainSignal syscall.Signal `json:"undrain_signal,omitempty"`
	// Fault is the stand-in's fault. Empty: it has none.
	Fault Fault `json:"fault,omitempty"`
	// Delay is the time that [Slow] waits, in nanoseconds. Then it executes Program, a file beside its own. If Program is
	// empty, it serves.
	Delay   time.Duration `json:"delay,omitempty"`
	Program string        `json:"program,omitempty"`
}

// Fault makes a stand-in fail.
type Fault string

// The faults.
const (
	// Exit ends at once.
	Exit Fault = "exit"
	// Leak prints secrets of the environment first.
	Leak Fault = "leak"
	// Unhealthy answers 500 to health checks.
	Unhealthy Fault = "unhealthy"
	// Slow starts after the delay.
	Slow Fault = "slow"
)

// Encode returns the value of [Variable].
func (c Config) Encode() (string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode the stand-in of %s: %w", c.Name, err)
	}
	return string(text), nil
}

// configure reads a Config from the container's environment.
func configure(getenv func(string) string) (c Config, err error) {
	if err := json.Unmarshal([]byte(getenv(Variable)), &c); err != nil {
		return c, fmt.Errorf("read %s: %w", Variable, err)
	}
	return c, nil
}

func address(getenv func(string) string) string {
	return net.JoinHostPort(getenv("LISTEN_HOST"), getenv("PORT"))
}

// check requests the health of the service that runs in the same container.
func check(c Config, getenv func(string) string) error {
	answer, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://" + address(getenv) + c.HealthPath)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", c.HealthPath, answer.Status)
	}
	return nil
}
