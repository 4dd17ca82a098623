// Package e2e holds no code but tests: the deploy as a user runs it, against
// OpenSSH servers, Docker engines and images that are not ours.
//
// Each host has a network, a process table and a file system of its own, in
// memory, and so has the whole test: when it ends, however it ends, the kernel
// takes everything down. The AWS endpoint, the registry and the load balancer are
// the sandbox's, with real lags divided by ten. Stories are told side by side, each
// on a fleet of three hosts, and mostly wait.
//
// It runs with E2E=1 on Linux as root: mage test:e2e.
package e2e
