// Package remote speaks to one instance over one SSH connection: files by SFTP,
// unix sockets and TCP ports through the connection, commands where nothing
// else will do.
//
// [Dial] is strict about whom it talks to: there is no default that trusts a
// host key, and a silent server, a dead network or a stuck agent ends with the
// context or the timeout, never later. What goes wrong can be asked for by
// errors.Is with the package's sentinels; the text is one line that says what
// to do.
//
// One connection an instance serves a whole run: sshd limits new connections
// (MaxStartups) and sessions in one (MaxSessions), but not the streams inside.
package remote
