package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
)

// config is what the environment says.
type config struct {
	address  string
	logDir   string
	identity identity
}

// identity is who answers.
type identity struct {
	Service string `json:"service"`
	Commit  string `json:"commit"`
	Host    string `json:"host"`
}

func configure(getenv func(string) string) (config, error) {
	or := func(key, otherwise string) string {
		if v := getenv(key); v != "" {
			return v
		}
		return otherwise
	}
	port := or("PORT", "8080")
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return config{}, fmt.Errorf("read PORT: %q is not a port: want 1 to 65535, or 0 for a free one", port)
	} else {
		port = strconv.FormatUint(n, 10)
	}
	return config{
		address: net.JoinHostPort(getenv("LISTEN_HOST"), port),
		logDir:  or("LOG_DIR", "/tmp/deployment-test"),
		identity: identity{
			Service: "growl-backend",
			Commit:  or("GIT_COMMIT", "unknown"),
			Host:    or("HOSTNAME", hostname()),
		},
	}, nil
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
