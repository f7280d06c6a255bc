// Command generate writes what is made of the configuration structs and their
// field comments: the reference page, the JSON Schema, the commented example
// file and the table of documented defaults. Run it with `go generate ./...`.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	// go generate runs in the folder of the directive, internal/config.
	if err := generate(".", filepath.Join("..", "..")); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// generate writes all files. here is the folder of package config, root that of the module.
func generate(here, root string) error {
	file, all, err := readModel(root)
	if err != nil {
		return err
	}
	schema, err := jsonSchema(file, all)
	if err != nil {
		return err
	}
	defaults, err := defaultsTable(all)
	if err != nil {
		return err
	}
	for _, output := range []struct {
		path string
		data []byte
	}{
		{filepath.Join(root, "docs", "reference", "configuration.md"), reference(file)},
		{filepath.Join(root, "lapwing.example.yaml"), example(file)},
		{filepath.Join(here, "schema.json"), schema},
		{filepath.Join(here, "documented.go"), defaults},
	} {
		if err := os.MkdirAll(filepath.Dir(output.path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(output.path, output.data, 0o644); err != nil { //nolint:gosec // sources are for everybody to read
			return err
		}
	}
	return nil
}
