package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/fence"
	"github.com/growl-dev/deploy/rollout"
)

// minAPI is the oldest Engine API spoken: that of engine 20.10.
const minAPI = "1.41"

// Bounds of single calls to the engine, whatever the caller's context allows.
const (
	callTimeout = time.Minute
	readTimeout = 15 * time.Second
)

// idleStream is how long a stream to the engine stays open without a call, so that soon nobody uses the SSH connection
// of an instance to which nothing is done.
const idleStream = 2 * time.Second

// engine is the Docker Engine of the instance. A call that changes something and fails is followed by a look at the
// result, because the answer can be lost although the call succeeded.
type engine struct{ *client.Client }

// openEngine connects and negotiates the API's version. It calls Ping itself, because the client drops the error if its own
// negotiation fails.
func openEngine(ctx context.Context, conn Conn, socket string) (*engine, error) {
	var refused atomic.Pointer[dialError] // the last one, which the client's own error may not have
	// A unix host, not an http one: for that the client would ask HTTP_PROXY.
	api, err := client.New(
		client.WithHTTPClient(&http.Client{
			Transport: &http.Transport{IdleConnTimeout: idleStream}, CheckRedirect: client.CheckRedirect,
		}),
		client.WithScheme("http"),
		client.WithHost("unix://"+socket),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
			opened, err := conn.DialUnix(ctx, socket)
			if err != nil {
				refused.Store(&dialError{err})
				return nil, refused.Load()
			}
			return opened, nil
		}),
		client.WithTraceOptions(otelhttp.WithFilter(traced)),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	ping, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if err != nil && refused.Load() != nil {
		err = undialed(ctx, conn, socket, refused.Load())
	} else {
		err = unusable(ping, err, socket)
	}
	if err != nil {
		_ = api.Close()
		return nil, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	return &engine{api}, nil
}

// undialed returns why there is no connection to the engine. The client's own error does not contain that.
func undialed(ctx context.Context, conn Conn, socket string, dial *dialError) error {
	if _, refused := errors.AsType[*ssh.OpenChannelError](dial); refused {
		if remedy := unreachable(ctx, conn, socket); remedy != "" {
			return fmt.Errorf("%s: %w", remedy, dial.error)
		}
	}
	return fmt.Errorf("%w: is Docker running, is its socket %s, is the deploy user in its group, and does sshd allow AllowStreamLocalForwarding?", dial.error, socket)
}

// unusable returns why an engine that was asked for its version cannot be used; nil if it can.
func unusable(ping client.PingResult, err error, socket string) error {
	switch {
	case ping.APIVersion != "" && versions.LessThan(ping.APIVersion, minAPI):
		return fmt.Errorf("it speaks API %s, and %s is the oldest that will do: upgrade Docker to 20.10 or newer", ping.APIVersion, minAPI)
	case err != nil:
		return fmt.Errorf("%w: is Docker running?", err)
	case ping.APIVersion == "":
		return fmt.Errorf("%s answers without an API version: it is no Docker Engine", socket)
	}
	return nil
}

// traced reports whether the caller traces its calls. Otherwise the client need not prepare a span for every request.
func traced(r *http.Request) bool { return trace.SpanFromContext(r.Context()).IsRecording() }

// rest closes streams that are not used; the next call opens one.
func (e *engine) rest() { _ = e.Close() } // of the client, which stays usable

// dialError is the reason why there is no connection to the engine. It avoids the words "connection refused", because the
// client replaces an error with these words by one that claims that the daemon is not running, and it may have been the
// SSH server that refused.
type dialError struct{ error }

func (e *dialError) Error() string {
	return strings.ReplaceAll(e.error.Error(), "connection refused", "refused")
}

func (e *dialError) Unwrap() error { return e.error }

func (e *engine) info(ctx context.Context) (system.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	result, err := e.Info(ctx, client.InfoOptions{})
	return result.Info, err
}

func (e *engine) inspect(ctx context.Context, id string) (container.InspectResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	found, err := e.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err == nil && (found.Container.State == nil || found.Container.Config == nil || found.Container.HostConfig == nil) {
		err = errors.New("the engine's answer is incomplete")
	}
	return found.Container, err
}

// act makes a call that changes something. If the call fails, done checks whether it succeeded all the same, with a context
// of its own, because the call's may have ended. A call that was lost with its connection and changed nothing is made once
// more, because the connection may have ended unnoticed since the last call. It is a part of an act of its own, and is not
// sent if it comes too late for that.
func act(ctx context.Context, timeout time.Duration, call func(ctx context.Context) error, done func(ctx context.Context) bool) error {
	part, err := rollout.BeginPart(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(part, timeout)
	defer cancel()
	for again := false; ; again = true {
		err := fence.Send(bounded, func() error { return rollout.CheckAct(bounded) }, call)
		if err == nil || isDone(ctx, done) {
			return nil
		}
		if again || bounded.Err() != nil || !client.IsErrConnectionFailed(err) {
			return err
		}
	}
}

func isDone(ctx context.Context, done func(ctx context.Context) bool) bool {
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	return done(looking)
}

// is returns a function that inspects a container and reports whether it is as wished. One that cannot be inspected is not.
func (e *engine) is(id string, wished func(container.InspectResponse) bool) func(context.Context) bool {
	return func(ctx context.Context) bool {
		found, err := e.inspect(ctx, id)
		return err == nil && wished(found)
	}
}

// create creates a container. releaseLabel is the name of the label by which it recognizes a container that was created
// although the answer was lost.
func (e *engine) create(ctx context.Context, releaseLabel string, o client.ContainerCreateOptions) (id string, err error) {
	err = act(ctx, callTimeout, func(ctx context.Context) error {
		made, err := e.ContainerCreate(ctx, o)
		id = made.ID
		return err
	}, e.is(o.Name, func(c container.InspectResponse) bool {
		id = c.ID
		return c.Config.Labels[releaseLabel] == o.Config.Labels[releaseLabel] && c.Config.Image == o.Config.Image
	}))
	return id, err
}

func (e *engine) start(ctx context.Context, id string) error {
	return act(ctx, callTimeout, func(ctx context.Context) error {
		_, err := e.ContainerStart(ctx, id, client.ContainerStartOptions{})
		return err
	}, e.is(id, func(c container.InspectResponse) bool { return c.State.Running }))
}

func (e *engine) stop(ctx context.Context, id string, grace time.Duration) error {
	seconds := int(grace / time.Second)
	return act(ctx, grace+callTimeout, func(ctx context.Context) error {
		_, err := e.ContainerStop(ctx, id, client.ContainerStopOptions{Timeout: &seconds})
		return err
	}, e.is(id, stopped))
}

func (e *engine) kill(ctx context.Context, id string) error {
	return act(ctx, callTimeout, func(ctx context.Context) error {
		_, err := e.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "SIGKILL"})
		return err
	}, e.is(id, stopped))
}

func (e *engine) rename(ctx context.Context, id, name string) error {
	return act(ctx, callTimeout, func(ctx context.Context) error {
		_, err := e.ContainerRename(ctx, id, client.ContainerRenameOptions{NewName: name})
		return err
	}, e.is(id, func(c container.InspectResponse) bool { return c.Name == "/"+name }))
}

func (e *engine) setRestart(ctx context.Context, id string, policy container.RestartPolicy) error {
	return act(ctx, callTimeout, func(ctx context.Context) error {
		_, err := e.ContainerUpdate(ctx, id, client.ContainerUpdateOptions{RestartPolicy: &policy})
		return err
	}, e.is(id, func(c container.InspectResponse) bool { return c.HostConfig.RestartPolicy.IsSame(&policy) }))
}

// remove kills and deletes a container. It succeeds if the container is gone already.
func (e *engine) remove(ctx context.Context, id string) error {
	return act(ctx, callTimeout, func(ctx context.Context) error {
		_, err := e.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true})
		return err
	}, func(ctx context.Context) bool {
		_, err := e.inspect(ctx, id)
		return cerrdefs.IsNotFound(err)
	})
}

// removeImage removes a name of an image. It does not look at the result, because pruning is made up for by the next run.
func (e *engine) removeImage(ctx context.Context, name string) error {
	return act(ctx, callTimeout, func(ctx context.Context) error {
		_, err := e.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
		return err
	}, func(context.Context) bool { return false })
}

// stopped reports whether the container neither runs nor will start by itself.
func stopped(c container.InspectResponse) bool { return !c.State.Running && !c.State.Restarting }

// restarted reports whether the engine has restarted the container more often than before.
func restarted(c container.InspectResponse, before int) bool {
	return c.State.Restarting || c.RestartCount > before
}
