package docker

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// Conn is the way to an instance. *remote.Client is one.
type Conn interface {
	// DialUnix opens a stream to a unix socket.
	DialUnix(ctx context.Context, path string) (net.Conn, error)
	// Exchange has talk with a TCP address, over a stream of its own. An error may
	// leave talk under way.
	Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error
	ReadFile(ctx context.Context, path string) ([]byte, error)
	Stat(ctx context.Context, path string) (fs.FileInfo, error)
	FreeDisk(ctx context.Context, path string) (uint64, error)
	Close() error
}

// DefaultSocket is the engine's unix socket.
const DefaultSocket = "/var/run/docker.sock"

// Options say what runs on the instance and who it is.
type Options struct {
	// Spec is the service's container.
	Spec Spec
	// InstanceID is who the machine must say it is. Empty: it is not asked.
	InstanceID string
	// Auth returns the registry's user and password when an image is pulled; they
	// travel in a header of the engine's API. Nil: the registry wants none.
	Auth func(ctx context.Context) (user, password string, err error)
	// EnvSeal is the SHA-256, in hex, that the env file on the instance must have:
	// a rollout does not carry env changes. Empty: it is not compared.
	EnvSeal string
	// Run names the run, for a label on the containers it creates. Empty: none.
	Run string
	// Socket is the engine's unix socket on the instance. Empty: /var/run/docker.sock.
	Socket string
}

// Host is the service's container on one instance. It is a [rollout.Host]: used
// by one goroutine at a time. Its errors name the container: which instance that
// is on, and which step failed, its caller says.
type Host struct {
	conn     Conn
	engine   *engine
	options  Options
	spec     Spec
	identity string

	// What this process knows of its own swap; another process reads the rest
	// from the engine.
	swap
	serving *serving // the container that runs, once it was looked for
	// struck are the secrets of the container whose log was read last.
	struck struct {
		container string
		secrets   *Secrets
	}
}

// swap is how far a swap came in this process.
type swap struct {
	stopping bool      // Stop began
	renamed  bool      // the old container bears the name of one, or may
	asked    bool      // the old container's stop was asked for, by whomever
	created  string    // the container Stop created
	digest   string    // of the release that it runs
	stopSent time.Time // when nothing was to listen any more
}

var _ rollout.Host = (*Host)(nil)

// Open connects to the instance's engine and checks that the machine is the
// instance we mean. The Host owns conn from then on; after an error conn is the
// caller's still.
func Open(ctx context.Context, conn Conn, o Options) (*Host, error) {
	if err := o.Spec.Validate(); err != nil {
		return nil, fmt.Errorf("container spec %s: %s", o.Spec.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	h := &Host{conn: conn, options: o, spec: o.Spec.WithDefaults()}
	if err := h.identify(ctx); err != nil {
		return nil, err
	}
	engine, err := openEngine(ctx, conn, cmp.Or(o.Socket, DefaultSocket))
	if err != nil {
		return nil, fmt.Errorf("open the engine of %s: %w", o.InstanceID, err)
	}
	h.engine = engine
	return h, nil
}

// instanceIDFile is where cloud-init writes the instance's own ID, once at boot.
const instanceIDFile = "/var/lib/cloud/data/instance-id"

// identify asks the machine who it is, where that is wanted.
func (h *Host) identify(ctx context.Context) error {
	if h.options.InstanceID == "" {
		return nil
	}
	if err := Identify(ctx, h.conn, h.options.InstanceID); err != nil {
		return err
	}
	h.identity = h.options.InstanceID
	return nil
}

// Identify asks the machine behind conn whether it is the instance we mean, by
// its ID, and answers [ErrOtherInstance] where it is not. Addresses are reused,
// and a known host key may be baked into an image.
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
