package remote_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/growl-dev/deploy/remote"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// keyOf is the public half of a configuration's key file.
func keyOf(t *testing.T, c remote.Config) ssh.PublicKey {
	t.Helper()
	data, err := os.ReadFile(c.KeyFile)
	require.NoError(t, err)
	signer, err := ssh.ParsePrivateKey(data)
	require.NoError(t, err)
	return signer.PublicKey()
}

func TestValidateNamesEveryFault(t *testing.T) {
	err := remote.Config{
		Address:      "-oProxyCommand=x",
		Jump:         []remote.Hop{{Address: "a:b:c"}},
		ProxyCommand: "nc %h %p",
		User:         "$(id)",
		Timeout:      -time.Second,
		KeepAlive:    -time.Second,
	}.Validate()
	require.Error(t, err)
	for _, fault := range []string{"-oProxyCommand=x", "a:b:c", "known_hosts", "both", "$(id)", "timeout", "keep-alive"} {
		require.ErrorContains(t, err, fault)
	}
	_, err = remote.Dial(t.Context(), remote.Config{})
	require.ErrorIs(t, err, remote.ErrConfig)
	require.NotContains(t, err.Error(), "\n")
}

func TestValidateProxyCommandHost(t *testing.T) {
	c := remote.Config{Address: "i-0abc", KnownHosts: []string{"f"}, ProxyCommand: "aws ssm start-session --target %h"}
	require.NoError(t, c.Validate())
	c.ProxyCommand, c.Name = "aws ssm start-session --target %n", "i-0abc"
	require.NoError(t, c.Validate())
	for _, name := range []string{"", "i-0abc; reboot"} {
		c.Name = name
		require.ErrorContains(t, c.Validate(), "is not safe in a proxy command, which contains %n")
	}
	c.Address = "$(reboot)"
	require.ErrorContains(t, c.Validate(), "not safe")
}

func TestParseJump(t *testing.T) {
	for text, want := range map[string][]remote.Hop{
		"":                      nil,
		"none":                  nil,
		"bastion":               {{Address: "bastion"}},
		"me@bastion:2222":       {{User: "me", Address: "bastion:2222"}},
		"ssh://me@bastion:2222": {{User: "me", Address: "bastion:2222"}},
		"ssh://bastion,ssh://a%40b@[2001:db8::1]:22/": {{Address: "bastion"}, {User: "a@b", Address: "[2001:db8::1]:22"}},
		"a@b@one,[2001:db8::1]:22":                    {{User: "a@b", Address: "one"}, {Address: "[2001:db8::1]:22"}},
	} {
		hops, err := remote.ParseJump(text)
		require.NoError(t, err, text)
		require.Equal(t, want, hops, text)
	}
	for _, text := range []string{",", "a,", "me@", "host:0", "host:x", "host:99999", "a b", "-v", "ssh://", "ssh://me:secret@bastion", "ssh://bastion/path", "https://bastion"} {
		_, err := remote.ParseJump(text)
		require.Error(t, err, text)
	}
}

func FuzzParseJump(f *testing.F) {
	for _, seed := range []string{"", "ssh://me@bastion:22", "me@bastion:22,other", "[::1]:22", "@", "a:b:c", "[", "::1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		hops, err := remote.ParseJump(text)
		if err != nil || len(hops) == 0 {
			return
		}
		require.Len(t, hops, strings.Count(text, ",")+1)
		for _, hop := range hops {
			c := remote.Config{Address: hop.Address, KnownHosts: []string{"f"}}
			require.NoError(t, c.Validate(), "a parsed hop is a good address")
		}
	})
}
