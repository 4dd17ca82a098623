package remote

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Defaults of a [Config].
const (
	DefaultUser      = "ec2-user"
	DefaultPort      = "22"
	DefaultTimeout   = 15 * time.Second
	DefaultKeepAlive = 15 * time.Second
	// DefaultProxied is how many connections an EC2 Instance Connect endpoint carries at once.
	DefaultProxied = 20
)

// Config describes how to reach one instance and as which user. Address and KnownHosts have no default. The zero value
// of every other field has the meaning that its comment states.
type Config struct {
	// Name is the instance's name in errors, such as its ID. Empty: errors name only the address.
	Name string
	// Address is host or host:port. No port: 22.
	Address string
	// User is the login name. Empty: ec2-user.
	User string
	// KeyFile is a private key that only its owner may read. Empty: only the agent's keys are used.
	KeyFile string
	// Passphrase returns the key file's passphrase. It is called only if the key is encrypted. Nil: an encrypted key is
	// refused.
	Passphrase func() ([]byte, error)
	// AgentSocket is the SSH agent's socket. Empty: SSH_AUTH_SOCK if no key file is given, else no agent.
	AgentSocket string
	// KnownHosts are known_hosts files, which may contain hashed names and @cert-authority lines. At least one is
	// required, and each must be readable: no default trusts an unknown host.
	KnownHosts []string
	// Jump are hosts to go through, the nearest first, as in ssh's ProxyJump. They are logged into with the same keys
	// and checked against the same known hosts.
	Jump []Hop
	// ProxyCommand is run by sh, with %h, %p, %r and %n replaced by host, port, user and Name (%% is a percent sign). Its
	// standard input and output are the connection. It excludes Jump.
	ProxyCommand string
	// MaxConnections limits how many connections of one Shared are open at once. If another one is needed, the one that
	// was not used for the longest time is closed. Zero: 20 with a ProxyCommand, because an EC2 Instance Connect
	// endpoint carries no more, and no limit without one.
	MaxConnections int
	// Shared holds the connection to the jump hosts, which all configurations with the same Shared use, and their
	// limits. Nil: the connection is made for this dial alone.
	Shared *Shared
	// Timeout limits dialing, handshake and authentication together, for the jump hosts and for the instance each.
	// Waiting until fewer connections are being made does not count. Zero: 15 s.
	Timeout time.Duration
	// KeepAlive is the interval of requests that check whether the server still answers; it is three times as long
	// while nobody uses the connection. Three intervals without an answer close the connection. A call over a [Link]
	// that takes longer than a third of the interval sends such a request at once, and another third without an answer
	// closes the connection. Zero: 15 s.
	KeepAlive time.Duration
}

// Hop is one jump host.
type Hop struct {
	// User is the login name. Empty: the instance's.
	User string
	// Address is host or host:port. No port: 22.
	Address string
}

// ParseJump parses ssh's ProxyJump form, [user@]host[:port] or ssh://[user@]host[:port] separated by commas. The empty
// string and "none" mean no hops.
func ParseJump(text string) ([]Hop, error) {
	if text == "" || text == "none" {
		return nil, nil
	}
	var hops []Hop
	for word := range strings.SplitSeq(text, ",") {
		hop, err := parseHop(word)
		if err == nil {
			_, err = parseAddress(hop.Address)
		}
		if err != nil {
			return nil, fmt.Errorf("parse jump host %q: %w", word, err)
		}
		hops = append(hops, hop)
	}
	return hops, nil
}

// parseHop parses [user@]host[:port], or the same as a URI.
func parseHop(word string) (Hop, error) {
	if strings.HasPrefix(word, "ssh://") {
		u, err := url.Parse(word)
		if err != nil {
			return Hop{}, errors.New("want ssh://user@host:port")
		}
		if _, password := u.User.Password(); password || strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
			return Hop{}, errors.New("want ssh://user@host:port and nothing else")
		}
		return Hop{User: u.User.Username(), Address: u.Host}, nil
	}
	if i := strings.LastIndex(word, "@"); i >= 0 {
		return Hop{User: word[:i], Address: word[i+1:]}, nil
	}
	return Hop{Address: word}, nil
}

// shellSafe matches names that have no special meaning to a shell: those that OpenSSH 9.6 and newer accept together
// with a ProxyCommand.
var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_.:][A-Za-z0-9_.:@%+-]*$`)

// Validate reports every fault of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	a, err := parseAddress(c.Address)
	faults = append(faults, err)
	for _, hop := range c.Jump {
		_, err := parseAddress(hop.Address)
		faults = append(faults, err)
	}
	fault(len(c.KnownHosts) == 0, "no known_hosts file is given: host keys are always checked")
	fault(slices.Contains(c.KnownHosts, ""), "a known_hosts file has an empty name")
	fault(c.ProxyCommand != "" && len(c.Jump) > 0, "both a proxy command and jump hosts are given: want one of them")
	fault(c.ProxyCommand != "" && err == nil && !shellSafe.MatchString(a.host), "host %q is not safe in a proxy command", a.host)
	fault(c.ProxyCommand != "" && c.User != "" && !shellSafe.MatchString(c.User), "user %q is not safe in a proxy command", c.User)
	fault(strings.Contains(strings.ReplaceAll(c.ProxyCommand, "%%", ""), "%n") && !shellSafe.MatchString(c.Name), "name %q is not safe in a proxy command, which contains %%n", c.Name)
	fault(c.MaxConnections < 0, "the limit of %d connections is negative", c.MaxConnections)
	fault(c.Timeout < 0, "timeout %s is negative", c.Timeout)
	fault(c.KeepAlive < 0, "keep-alive %s is negative", c.KeepAlive)
	return errors.Join(faults...)
}

// withDefaults replaces zero values by their defaults.
func (c Config) withDefaults() Config {
	c.User = cmp.Or(c.User, DefaultUser)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.KeepAlive = cmp.Or(c.KeepAlive, DefaultKeepAlive)
	if c.ProxyCommand != "" {
		c.MaxConnections = cmp.Or(c.MaxConnections, DefaultProxied)
	}
	c.Shared = cmp.Or(c.Shared, &Shared{})
	if c.AgentSocket == "" && c.KeyFile == "" {
		c.AgentSocket = os.Getenv("SSH_AUTH_SOCK")
	}
	return c
}

// title returns the instance's name in errors: "i-0abc at 10.0.0.1:22".
func (c Config) title() string {
	address := c.Address
	if a, err := parseAddress(c.Address); err == nil {
		address = a.String()
	}
	if c.Name == "" {
		return address
	}
	return c.Name + " at " + address
}
