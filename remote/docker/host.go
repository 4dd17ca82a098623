package docker

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/growl-dev/deploy/rollout"
)

// Conn is a connection to an instance. *remote.Client and *remote.Link are connections.
type Conn interface {
	// DialUnix opens a stream to a unix socket.
	DialUnix(ctx context.Context, path string) (net.Conn, error)
	// Exchange calls talk with a stream to a TCP address. It may return an error before talk has returned.
	Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error
	ReadFile(ctx context.Context, path string) ([]byte, error)
	Stat(ctx context.Context, path string) (fs.FileInfo, error)
	FreeDisk(ctx context.Context, path string) (uint64, error)
	Close() error
}

// DefaultSocket is the engine's unix socket.
const DefaultSocket = "/var/run/docker.sock"

// Options describe what runs on the instance and which one it is.
type Options struct {
	// Spec is the service's container.
	Spec Spec
	// InstanceID is the ID that the machine must have. Empty: it is not checked.
	InstanceID string
	// Auth returns the registry's user and password when an image is pulled. They are sent in a header of the engine's
	// API. Nil: the registry needs none.
	Auth func(ctx context.Context) (user, password string, err error)
	// EnvSeal is the SHA-256, in hex, that the env file on the instance must have, because a rollout does not change that
	// file. Empty: it is not compared.
	EnvSeal string
	// Run names the run, for a label on the containers it creates. Empty: none.
	Run string
	// Socket is the engine's unix socket on the instance. Empty: /var/run/docker.sock.
	Socket string
}

// Host is the service's container on one instance. It is a [rollout.Host], used by one goroutine at a time, except that
// Traffic may be called while Prepare runs. Its errors name
// the container; the caller adds which instance it is on and which step failed.
type Host struct {
	instance
	conn     Conn
	identity string // the instance's ID; empty if it was not checked

	env     envFile
	images  imageStore
	service service
	traffic *tracker
	swapper *swapper
}

var _ rollout.Host = (*Host)(nil)

// Open connects to the instance's engine and checks that the machine is the right instance. The Host owns conn from then
// on. If Open fails, conn remains the caller's.
func Open(ctx context.Context, conn Conn, o Options) (*Host, error) {
	if err := o.Spec.Validate(); err != nil {
		return nil, fmt.Errorf("container spec %s: %s", o.Spec.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if o.InstanceID != "" {
		if err := Identify(ctx, conn, o.InstanceID); err != nil {
			return nil, err
		}
	}
	engine, err := openEngine(ctx, conn, cmp.Or(o.Socket, DefaultSocket))
	if err != nil {
		return nil, fmt.Errorf("open the engine of %s: %w", o.InstanceID, err)
	}
	return newHost(conn, engine, o), nil
}

func newHost(conn Conn, engine *engine, o Options) *Host {
	spec := o.Spec.WithDefaults()
	h := &Host{
		instance: instance{engine: engine, spec: spec},
		conn:     conn,
		identity: o.InstanceID,
		env:      envFile{conn: conn, path: spec.EnvFile, seal: o.EnvSeal},
		images:   imageStore{engine: engine, conn: conn, auth: o.Auth, minFree: spec.MinFreeBytes, keep: spec.Keep},
		service:  service{conn: conn, spec: spec},
	}
	h.traffic = &tracker{instance: h.instance, conn: conn}
	h.swapper = &swapper{
		instance: h.instance, run: o.Run,
		env: h.env, images: h.images, service: h.service, logs: &logReader{engine: engine, images: h.images},
	}
	return h
}

// instanceIDFile is where cloud-init writes the instance's own ID, once at boot.
const instanceIDFile = "/var/lib/cloud/data/instance-id"

// Identify checks that the machine behind conn has an instance's ID, and returns [ErrOtherInstance] if it has another one.
// That happens because addresses are reused, and because a known host key may be part of an image.
func Identify(ctx context.Context, conn interface {
	ReadFile(ctx context.Context, path string) ([]byte, error)
}, instanceID string) error {
	data, err := conn.ReadFile(ctx, instanceIDFile)
	if err != nil {
		return fmt.Errorf("identify instance %s: %w", instanceID, err)
	}
	if identity := strings.TrimSpace(string(data)); identity != instanceID {
		return fmt.Errorf("identify instance: %w: this is %.64q, not %s: the address was reused?", ErrOtherInstance, identity, instanceID)
	}
	return nil
}

// Close ends the connection to the instance.
func (h *Host) Close() error {
	_ = h.engine.Close()
	return h.conn.Close()
}
