// Package commandline checks the command line of mage targets before mage runs the first of them.
//
// Mage runs the targets one after the other, each with what is left of the command line, so that it would run
// `deploy:dev v2 -dryRun` with the default tag and for real before it finds that v2 is no target. The targets and what they
// take are read from their source, as mage reads them, because the compiled program does not hold the parameters' names.
package commandline
