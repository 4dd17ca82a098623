// Package growl declares growl-backend, this repository's own service, and the mage targets that its documented process
// names: deploy:dev and deploy:prod.
package growl
