package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/app"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/state"
)

// dataFlags say which data folder a command works on.
type dataFlags struct{ file, data string }

func (d *dataFlags) register(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVarP(&d.file, "config", "c", defaultFile, "configuration file, for its data folder (LAPWING_CONFIG)")
	flags.StringVar(&d.data, "data", "", "data folder, instead of the file's (LAPWING_DATA)")
}

// folder is the data folder: the flag's, the file's, or the default.
func (d *dataFlags) folder(cmd *cobra.Command) (string, error) {
	if err := fromEnv(cmd, "config", "data"); err != nil {
		return "", err
	}
	if d.data != "" {
		return d.data, nil
	}
	if _, err := os.Stat(d.file); errors.Is(err, os.ErrNotExist) && d.file == defaultFile {
		return config.Default().Data, nil
	}
	loaded, err := app.LoadConfig(d.file)
	if err != nil {
		return "", fmt.Errorf("%w\nname the data folder with --data to do without the configuration", err)
	}
	return app.DataFolder(loaded), nil
}

// withAccess opens the data folder beside a running server, which sees the
// change at once, and hands its access manager to do.
func (d *dataFlags) withAccess(cmd *cobra.Command, s streams, g *globals, do func(context.Context, *access.Manager) error) (err error) {
	folder, err := d.folder(cmd)
	if err != nil {
		return err
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
	return do(ctx, access.New(access.Deps{Store: db.Access(), Log: log}))
}
