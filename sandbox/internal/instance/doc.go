// Package instance is one EC2 machine of the sandbox: an SSH server over a
// folder of files, a network and a Docker Engine.
//
// SSH is really spoken, on a loopback address: public keys only, forwarding to
// /var/run/docker.sock (direct-streamlocal) and to the instance's ports
// (direct-tcpip), SFTP over the instance's files, and commands.
//
// SFTP shows the root folder as /. No path and no link leads out of it.
// /proc/<pid>/net/tcp, tcp6 and snmp are there for each container's process and
// say what the container's kernel would; the rest of /proc is not.
//
// A command is run by this machine's sh, in the root folder, with a minimal
// environment. It is an ordinary process: an absolute path in it is this
// machine's, not the instance's.
package instance
