package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/app"
	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/state"
)

// blockFolder is the data folder of a server that does not run.
type blockFolder struct{ manager *blocks.Manager }

// withFolder opens the data folder, which no server may use meanwhile: it would
// not see the change.
func (b *blockFlags) withFolder(cmd *cobra.Command, s streams, g *globals, do func(context.Context, blocker) error) (err error) {
	folder, err := b.folder(cmd)
	if err != nil {
		return err
	}
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return unreachable("%w at %s, and there is no data folder %s; name one of them with --server or --data", errNoServer, b.server, folder)
	}
	ctx, log := cmd.Context(), g.quietly(s.err)
	db, err := state.Open(ctx, folder, log)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := db.LockServer(); err != nil {
		if errors.Is(err, state.ErrServerRunning) {
			return unreachable("%w at %s, but a server uses %s; name its address with --server", errNoServer, b.server, folder)
		}
		return err
	}
	manager := blocks.New(blocks.Deps{Log: log, Store: db.Blocks()})
	config, err := b.config()
	if err != nil {
		return err
	}
	commit, err := manager.Prepare(config, nil)
	if err != nil {
		return err
	}
	commit()
	if err := manager.Load(ctx); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "No Lapwing answers at %s; these are the blocks in %s, in force when it starts.\n", b.server, folder)
	return do(ctx, blockFolder{manager})
}

// config is the section of the file, for its allow list; without a file, none.
func (b *blockFlags) config() (blocks.Config, error) {
	if _, err := os.Stat(b.file); errors.Is(err, os.ErrNotExist) {
		return blocks.Config{}, nil
	}
	loaded, err := app.LoadConfig(b.file)
	if err != nil {
		return blocks.Config{}, err
	}
	return loaded.File.Blocks, nil
}

func (b blockFolder) add(ctx context.Context, spec blocks.Spec) (blockRow, error) {
	e, err := b.manager.Add(ctx, spec, "command line")
	return blockRowOf(&e), err
}

func (b blockFolder) remove(ctx context.Context, id string) error {
	return b.manager.Remove(ctx, id, "command line")
}

func (b blockFolder) list(context.Context) ([]blockRow, error) {
	entries := b.manager.List()
	rows := make([]blockRow, len(entries))
	for i := range entries {
		rows[i] = blockRowOf(&entries[i])
	}
	return rows, nil
}
