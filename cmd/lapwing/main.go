// Command lapwing watches HTTP APIs.
package main

import (
	"context"
	"os"

	"lapwing.dev/lapwing/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
