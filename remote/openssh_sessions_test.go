package remote_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What keeps SFTP from beginning is named, by what the account's shell wrote in its place.
func TestWhyThereIsNoSFTPIsNamed(t *testing.T) {
	for name, test := range map[string]struct{ setting, says string }{
		"output of a startup file": {
			"ForceCommand echo Welcome to one of our machines; exec /usr/lib/openssh/sftp-server",
			`the account's shell wrote "Welcome to one of our machines" before SFTP: its startup files, such as .bashrc, have to print nothing without a terminal`,
		},
		"one character": {
			"ForceCommand echo; exec /usr/lib/openssh/sftp-server", `the account's shell wrote "" before SFTP`,
		},
		"a shell that lets nobody in": {
			"ForceCommand /usr/sbin/nologin", `the account's shell wrote "This account is currently not available." before SFTP: `,
		},
		"a shell that says nothing": {"ForceCommand false", "SFTP ended before it began: the account's shell may let nobody in (nologin)"},
		"no sessions":               {"MaxSessions 0", "the server opens no sessions: set MaxSessions to at least 2 in its sshd_config"},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := openSSH(t, test.setting)
			_, err := dial(t, c).ReadFile(t.Context(), "/etc/hostname")
			require.Error(t, err)
			assert.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}
