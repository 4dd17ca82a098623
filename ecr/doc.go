// Package ecr answers for the images of one ECR repository: which digest a tag
// names, whether an image is there, who may pull it, and it moves tags without
// pulling anything.
//
// A registry is regional: the client is built for the region in the
// repository's URI, whatever region the instances run in. Tags are resolved
// once and everything after works by digest.
package ecr
