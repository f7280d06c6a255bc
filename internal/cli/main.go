// Package cli is the command line: one file per command.
package cli

import (
	"context"
	"io"
)

// Main runs one command and returns the exit status.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return 0
}
