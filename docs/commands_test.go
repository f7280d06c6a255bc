package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/cli"
)

func TestCommandLinePageHasEveryCommand(t *testing.T) {
	var b strings.Builder
	b.WriteString("| command | what it does |\n| --- | --- |\n")
	writeCommands(t, &b)
	page := openPage(t, "guides/cli.md")
	page.table(t, "commands", b.String())
	page.close(t)
}

// writeCommands writes a row for every command below the one given that does
// something itself. It reads what --help says, as a user would.
func writeCommands(t *testing.T, b *strings.Builder, command ...string) {
	t.Helper()
	for _, name := range subcommands(help(t, command...)) {
		path := append(append([]string{}, command...), name)
		switch name {
		case "help":
			continue
		case "completion": // one command a shell: too many rows
			fmt.Fprintf(b, "| `lapwing completion SHELL` | Write the completion script for bash, fish, powershell or zsh |\n")
			continue
		}
		text := help(t, path...)
		if len(subcommands(text)) > 0 {
			writeCommands(t, b, path...)
			continue
		}
		_, usage, _ := strings.Cut(text, "\nUsage:\n")
		usage, _, _ = strings.Cut(strings.TrimSpace(usage), "\n")
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.TrimSuffix(usage, " [flags]"), short(t, name, command...))
	}
}

// subcommands are the names under "Available Commands:".
func subcommands(text string) []string {
	_, list, _ := strings.Cut(text, "\nAvailable Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var names []string
	for line := range strings.SplitSeq(list, "\n") {
		if fields := strings.Fields(line); len(fields) > 0 {
			names = append(names, fields[0])
		}
	}
	return names
}

// short is the line that the parent's help has for a command.
func short(t *testing.T, name string, parent ...string) string {
	t.Helper()
	for line := range strings.SplitSeq(help(t, parent...), "\n") {
		if text, ok := strings.CutPrefix(line, "  "+name+" "); ok {
			return cell(strings.TrimSpace(text))
		}
	}
	t.Fatalf("the help of %q does not list %q", parent, name)
	return ""
}

func help(t *testing.T, command ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	args := append(append([]string{}, command...), "--help")
	if status := cli.Main(context.Background(), args, strings.NewReader(""), &out, &problems); status != cli.ExitOK {
		t.Fatalf("lapwing %s: status %d: %s", strings.Join(args, " "), status, problems.String())
	}
	return "\n" + out.String()
}
