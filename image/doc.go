// Package image builds a service's image from a commit and pushes it to a
// registry, once.
//
// An image is named by the commit it was built from: [ReadSource] asks git,
// [Build] compiles a static program and builds the image with the Docker CLI,
// [Push] uploads it under the commit's SHA and then moves the tag latest without
// a second upload. The program is the same bytes whenever the same commit is
// compiled by the same Go release; a tree with changes is built as COMMIT-dirty
// and never pushed. Whatever was interrupted is finished by running it again.
//
// The docker, go and git commands must be in PATH. They are spoken to by
// arguments, exit codes and JSON, never by the text of their errors.
package image
