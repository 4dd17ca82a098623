// Package remote connects to one instance over SSH: files by SFTP, unix sockets and TCP ports through the connection,
// and commands if nothing else will do.
//
// [Dial] is strict about its peer: no default trusts a host key, and a silent server, a dead network or a stuck agent
// ends with the context or the timeout, never later. Errors wrap the package's sentinels, for errors.Is, and their text
// is one line that contains the remedy.
//
// One connection to each instance serves a whole run, because sshd limits new connections (MaxStartups) and sessions in
// one (MaxSessions), but not the streams inside.
package remote
