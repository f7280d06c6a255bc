package archtest

import (
	"bytes"
	"fmt"
	"go/format"
	"regexp"
	"slices"
)

// maxLines is when a file wants to be two. Most end before 200.
const maxLines = 700

// LongFile is a Go file that may be longer than maxLines, and why.
type LongFile struct{ Path, Why string }

// LongFiles lists the exceptions of FileLength: one table or one parser each.
func LongFiles() []LongFile { return nil }

// FileLength checks that no Go file is a room that wants a wall.
func FileLength(t *Tree) []Violation { return checkLength(t, LongFiles()) }

func checkLength(t *Tree, allowed []LongFile) []Violation {
	var found []Violation
	for _, pkg := range t.Packages {
		for _, f := range pkg.Files {
			lines := bytes.Count(f.Source, []byte("\n"))
			if lines <= maxLines || slices.ContainsFunc(allowed, func(l LongFile) bool { return l.Path == f.Path }) {
				continue
			}
			found = append(found, Violation{f.Path, fmt.Sprintf("has %d lines, more than %d: one noun, page, command or probe per file; if it is one table or one parser, list it in internal/archtest/files.go", lines, maxLines)})
		}
	}
	return found
}

// Gofmt checks that every Go file is formatted.
func Gofmt(t *Tree) []Violation {
	var found []Violation
	for _, pkg := range t.Packages {
		for _, f := range pkg.Files {
			if formatted, err := format.Source(f.Source); err != nil || !bytes.Equal(formatted, f.Source) {
				found = append(found, Violation{f.Path, "is not formatted: run gofmt -w"})
			}
		}
	}
	return found
}

// machinePath matches absolute paths of somebody's machine. The slash stands in
// brackets so that this file does not match itself.
var machinePath = regexp.MustCompile(`(?m)(?:^|[\s"'` + "`" + `=(\[:,])([/](?:work|root|Users)/[\w.-]+|[/]home/[\w.-]+/)`)

// NoMachinePaths checks that nothing in the repository works on one machine only.
func NoMachinePaths(t *Tree) []Violation {
	var found []Violation
	for _, text := range t.Texts {
		for _, m := range machinePath.FindAllSubmatchIndex(text.Source, -1) {
			line := 1 + bytes.Count(text.Source[:m[2]], []byte("\n"))
			found = append(found, Violation{
				fmt.Sprintf("%s:%d", text.Path, line),
				fmt.Sprintf("%s is a path on somebody's machine: nobody else has it", text.Source[m[2]:m[3]]),
			})
		}
	}
	return found
}
