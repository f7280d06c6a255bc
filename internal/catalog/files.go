package catalog

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"

	"github.com/getkin/kin-openapi/openapi3"

	"lapwing.dev/lapwing/internal/fault"
)

// folder reads the files of one document. Nothing outside of it can be reached,
// also not through symbolic links.
type folder struct {
	root *os.Root
	left int64 // bytes that may still be read, over all files
}

func (f *folder) read(name string) ([]byte, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, fault.NotFound("read %s: %w", name, plainPathError(err))
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fault.Invalid("%s is not a regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(file, f.left+1))
	if err != nil {
		return nil, fault.Invalid("read %s: %w", name, err)
	}
	if f.left -= int64(len(data)); f.left < 0 {
		return nil, fault.Invalid("%s: the document and what it refers to are larger than %d MiB", name, MaxSize>>20)
	}
	return data, nil
}

// readRef reads a referenced file for the loader, which wants JSON.
func (f *folder) readRef(_ *openapi3.Loader, location *url.URL) ([]byte, error) {
	if location.Scheme != "" || location.Host != "" {
		return nil, fault.Invalid("it refers to %q; references over the network are not followed", shorten(location.Redacted()))
	}
	data, err := f.read(location.Path)
	if err != nil {
		return nil, err
	}
	return toJSON(data)
}

// plainPathError leaves the reason: "no such file or directory".
func plainPathError(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
