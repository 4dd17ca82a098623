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
	// CountFileVariable is the path of the file that the count of connections is kept in. It has a variable of its own
	// because the engine translates a value that is a path under a mount.
	CountFileVariable = "STAND_IN_COUNT_FILE"
)

// Config is what a stand-in answers, and what is wrong with it.
type Config struct {
	// Name is the service's.
	Name string `json:"name"`
	// HealthPath answers 200, and VersionPath the commit. An empty VersionPath has no answer of its own.
	HealthPath  string `json:"health_path"`
	VersionPath string `json:"version_path,omitempty"`
	// CountField is the field of VersionPath's answer that counts connections. Empty: there is none.
	CountField string `json:"count_field,omitempty"`
	// DrainSignal makes each answer end its connection, and UndrainSignal takes that back. Zero: no signal does.
	DrainSignal   syscall.Signal `json:"drain_signal,omitempty"`
	UndrainSignal syscall.Signal `json:"undrain_signal,omitempty"`
	// Fault is what is wrong with the stand-in. Empty: nothing.
	Fault Fault `json:"fault,omitempty"`
	// Delay is how long [Slow] waits, in nanoseconds. It then becomes Program, a file beside its own; an empty Program
	// serves.
	Delay   time.Duration `json:"delay,omitempty"`
	Program string        `json:"program,omitempty"`
}

// Fault is what is wrong with a stand-in.
type Fault string

// What can be wrong.
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

// Encode is the value of [Variable].
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
