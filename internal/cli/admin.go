package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/secret"
)

func newAdmin(s streams, g *globals) *cobra.Command {
	data := &dataFlags{}
	cmd := &cobra.Command{
		Use: "admin", Short: "Set the password of the web interface", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	data.register(cmd)
	cmd.AddCommand(newSetPassword(s, g, data))
	return cmd
}

func newSetPassword(s streams, g *globals, data *dataFlags) *cobra.Command {
	return &cobra.Command{
		Use: "set-password", Aliases: []string{"reset-password"}, Short: "Set the password of the user admin, and end all sessions", Args: cobra.NoArgs,
		Long: `Set the password of the user admin, and end all sessions. It is asked for at the
terminal, or read as one line from standard input. A running server uses it at once.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(s)
			if err != nil {
				return err
			}
			return data.withAccess(cmd, s, g, func(ctx context.Context, m *access.Manager) error {
				if err := m.SetPassword(ctx, password); err != nil {
					return err
				}
				fmt.Fprintln(s.err, "The password is set; all sessions are ended.")
				return nil
			})
		},
	}
}

// readPassword asks twice at a terminal and reads one line elsewhere.
func readPassword(s streams) (secret.String, error) {
	if f, ok := s.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		first, err := ask(f, s.err, "New password: ")
		if err != nil {
			return secret.String{}, err
		}
		again, err := ask(f, s.err, "Once more: ")
		if err != nil {
			return secret.String{}, err
		}
		if first != again {
			return secret.String{}, errors.New("the two passwords differ; nothing was changed")
		}
		return secret.New(first), nil
	}
	line, err := bufio.NewReader(io.LimitReader(s.in, access.MaxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.String{}, fmt.Errorf("read the password: %w", err)
	}
	return secret.New(strings.TrimRight(line, "\r\n")), nil
}

func ask(f *os.File, prompt io.Writer, text string) (string, error) {
	fmt.Fprint(prompt, text)
	password, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(prompt)
	return string(password), err
}
