// Package image builds a service's image from a commit and pushes it to a registry, once.
//
// An image is named by the commit it was built from. [ReadSource] reads the commit from git, [Build] builds the image
// with the Docker CLI, and [Push] uploads it under the commit's SHA and then moves the tag latest without a second
// upload. A tree with changes is built as COMMIT-dirty and never pushed. Whatever was interrupted is finished by
// running it again.
//
// A Dockerfile is enough. [Options.CompileGo] first compiles a static Go program for it, which has the same bytes
// whenever the same commit is compiled by the same Go release.
//
// The docker and git commands must be in PATH, and go if it is to compile. This package depends on their arguments,
// exit codes and JSON, never on the text of their errors.
package image
