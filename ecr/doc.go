// Package ecr reads and tags the images of one ECR repository: it resolves a tag to a digest, checks whether an image
// exists, returns a login to pull it, and moves tags without pulling anything.
//
// A registry is regional. The client is built for the region in the repository's URI, whatever region the instances run
// in. Tags are resolved once, and everything after that works by digest, because a tag may move meanwhile.
package ecr
