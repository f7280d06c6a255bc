package traffic

import (
	"compress/gzip"
	"context"
	"io"
	"os"
)

// compress replaces a file by one with gzip. The file stays as it is until the
// other one is complete on disk; what an interrupted call leaves behind, the next
// one overwrites.
func compress(ctx context.Context, path string) (err error) {
	source, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was read only
	unfinished := path + ".gz.tmp"
	target, err := os.OpenFile(unfinished, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = target.Close()
			_ = os.Remove(unfinished)
		}
	}()
	packed, err := gzip.NewWriterLevel(target, gzip.BestSpeed) // a busy server has other things to do
	if err != nil {
		return err
	}
	if _, err := io.Copy(packed, untilDone{ctx, source}); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	if err := target.Sync(); err != nil {
		return err
	}
	if err := target.Close(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path+".gz"); err != nil {
		return err
	}
	return os.Remove(path)
}

// untilDone reads until ctx ends.
type untilDone struct {
	ctx context.Context // of the one call that made it
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}
