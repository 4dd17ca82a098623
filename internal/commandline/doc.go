// Package commandline checks the command line of mage targets before mage runs the first of them.
//
// Mage runs the targets one after the other, each with the rest of the command line, so that it would run `deploy:dev
// v2 -dryRun` with the default tag and for real before it fails because v2 is not a target. This package reads the
// targets and their parameters from their source, as mage does, because the compiled program does not contain the
// parameters' names.
package commandline
