package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/pkg/sftp"
)

// unreachable returns why a connection to the engine's socket failed, and what to do. OpenSSH refuses it with the same
// words if the socket is missing, if the user may not use it, if nobody listens and if forwarding is forbidden, so that the
// instance's files decide. It returns the empty string if they do not.
func unreachable(ctx context.Context, conn Conn, socket string) (remedy string) {
	info, err := conn.Stat(ctx, socket)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("there is no socket %s: install and start Docker there", socket)
	}
	if err != nil {
		return ""
	}
	if owner, ok := info.Sys().(*sftp.FileStat); ok {
		if login, err := conn.ReadFile(ctx, "/proc/self/status"); err == nil && !mayWrite(string(login), info.Mode(), owner) {
			return fmt.Sprintf("the user may not use %s: add the user to its group (%s), as in usermod -aG docker USER", socket, groupName(ctx, conn, owner.GID))
		}
	}
	listening, err := conn.ReadFile(ctx, "/proc/net/unix")
	switch {
	case err != nil:
		return ""
	case !listens(string(listening), socket):
		return fmt.Sprintf("nothing listens at %s: start Docker there, as in systemctl start docker", socket)
	}
	return fmt.Sprintf("sshd forbids the connection to %s: set AllowStreamLocalForwarding yes in its sshd_config, and look there for DisableForwarding, and for restrict in authorized_keys", socket)
}

// mayWrite reports whether the process of /proc/PID/status may write to a file, which connecting to a socket needs.
func mayWrite(status string, mode fs.FileMode, owner *sftp.FileStat) bool {
	user := slices.Contains(statusNumbers(status, "Uid"), owner.UID)
	group := slices.Contains(slices.Concat(statusNumbers(status, "Gid"), statusNumbers(status, "Groups")), owner.GID)
	switch {
	case slices.Contains(statusNumbers(status, "Uid"), 0):
		return true
	case user:
		return mode&0o200 != 0
	case group:
		return mode&0o020 != 0
	}
	return mode&0o002 != 0
}

// statusNumbers returns the numbers in a line of /proc/PID/status.
func statusNumbers(status, name string) (numbers []uint32) {
	for line := range strings.Lines(status) {
		values, found := strings.CutPrefix(line, name+":")
		if !found {
			continue
		}
		for word := range strings.FieldsSeq(values) {
			if n, err := strconv.ParseUint(word, 10, 32); err == nil {
				numbers = append(numbers, uint32(n))
			}
		}
	}
	return numbers
}

// groupName returns a group's name, or its number if the instance's file has no name for it.
func groupName(ctx context.Context, conn Conn, gid uint32) string {
	number := strconv.FormatUint(uint64(gid), 10)
	groups, err := conn.ReadFile(ctx, "/etc/group")
	if err != nil {
		return number
	}
	for line := range strings.Lines(string(groups)) {
		if fields := strings.Split(line, ":"); len(fields) > 2 && fields[2] == number {
			return fields[0]
		}
	}
	return number
}

// listens reports whether /proc/net/unix has a listening socket of that path. /var/run is a link to /run.
func listens(sockets, path string) bool {
	const listening = "00010000" // its flags: __SO_ACCEPTCON
	for line := range strings.Lines(sockets) {
		fields := strings.Fields(line)
		if len(fields) == 8 && fields[3] == listening && run(fields[7]) == run(path) {
			return true
		}
	}
	return false
}

// run returns a path below /var/run as the same below /run.
func run(path string) string {
	if rest, ok := strings.CutPrefix(path, "/var/run/"); ok {
		return "/run/" + rest
	}
	return path
}
