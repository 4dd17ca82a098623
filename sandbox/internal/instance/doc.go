// Package instance is one EC2 machine of the sandbox: an SSH server over a folder of files, a network and a Docker Engine.
//
// The SSH server is a real one on a loopback address. It accepts public keys only, forwards /var/run/docker.sock
// (direct-streamlocal) and the instance's ports (direct-tcpip), serves the instance's files over SFTP, and runs commands.
//
// SFTP shows the root folder as /. No path and no link leads out of it. For each container's process the files tcp, tcp6
// and snmp of /proc/<pid>/net exist, with the content that the kernel of the container would give them. The rest of /proc
// does not exist.
//
// A command is run by this machine's sh, in the root folder, with a minimal environment. It is an ordinary process, so an
// absolute path in it is this machine's and not the instance's.
package instance
