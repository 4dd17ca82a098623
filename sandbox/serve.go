package sandbox

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// serve serves a handler on a free port of the host until the cleanup runs. It returns host:port.
func serve(ctx context.Context, c *cleanup, host, what string, h http.Handler) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("serve the %s: %w", what, err)
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	c.add(func() error {
		err := server.Close()
		<-ended
		return err
	})
	return l.Addr().String(), nil
}
