// Package targets holds the Mage targets: the only place where the packages of
// this module are wired together. A namespace is a noun and has a file of its
// own; a target reads its flags, fills one struct and calls on.
package targets
