// Package cli is the command line: one file per command.
//
// Standard output carries data, standard error carries talk. The exit status
// says how it ended: see the Exit constants.
package cli
