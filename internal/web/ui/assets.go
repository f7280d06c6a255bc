package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

//go:embed assets css js templates
var embedded embed.FS

// styles are joined in this order into one file, so that a page needs one
// request for them and a rule may refine an earlier one.
var styles = []string{
	"tokens", "base", "layout", "parts", "table", "chart",
	"overview", "checks", "check", "run", "traffic", "endpoints", "alerts", "settings", "status", "login", "errors", "print",
}

// assets are the static files in memory. Their URLs carry a hash over all of
// them, so they may be cached for ever, and the imports between modules, which
// are relative, stay inside one version.
type assets struct {
	dev     string // read anew from this folder for each request
	version string
	files   map[string]asset
}

type asset struct {
	kind string
	data []byte
}

func openAssets(dev string) (*assets, error) {
	source, err := sources(dev)
	if err != nil {
		return nil, err
	}
	a := &assets{dev: dev, files: map[string]asset{}}
	var css strings.Builder
	for _, name := range styles {
		text, err := fs.ReadFile(source, "css/"+name+".css")
		if err != nil {
			return nil, fmt.Errorf("read styles: %w", err)
		}
		css.Write(text)
	}
	a.add("lapwing.css", []byte(css.String()))
	for _, folder := range []string{"assets", "js"} {
		err := fs.WalkDir(source, folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := fs.ReadFile(source, name)
			if err != nil {
				return err
			}
			a.add(strings.TrimPrefix(name, "assets/"), data)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read static files: %w", err)
		}
	}
	a.version = a.hash()
	return a, nil
}

// sources is the folder of this package: the embedded copy, or dev.
func sources(dev string) (fs.FS, error) {
	if dev == "" {
		return embedded, nil
	}
	if _, err := os.Stat(dev); err != nil {
		return nil, fmt.Errorf("folder of templates and styles: %w", err)
	}
	return os.DirFS(dev), nil
}

func (a *assets) add(name string, data []byte) {
	kind := mime.TypeByExtension(path.Ext(name))
	// The machine's own table of types is not to be trusted for what we ship.
	switch path.Ext(name) {
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	case ".woff2":
		kind = "font/woff2"
	case ".txt":
		kind = "text/plain; charset=utf-8"
	}
	a.files[name] = asset{kind, data}
}

func (a *assets) hash() string {
	sum := sha256.New()
	for _, name := range sortedKeys(a.files) {
		fmt.Fprintf(sum, "%s %d\n", name, len(a.files[name].data))
		sum.Write(a.files[name].data)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// base is the URL that static files of this version are under.
func (a *assets) base() string {
	if a.dev != "" {
		return "/static/dev"
	}
	return "/static/" + a.version
}

func (u *UI) static(w http.ResponseWriter, r *http.Request) error {
	files := u.files
	if files.dev != "" {
		var err error
		if files, err = openAssets(files.dev); err != nil {
			return err
		}
	}
	file, ok := files.files[r.PathValue("path")]
	if !ok {
		return fault.NotFound("there is no file %q", r.URL.Path)
	}
	header := w.Header()
	header.Set("Content-Type", file.kind)
	// A page that was loaded before an upgrade may still ask for an older
	// version: it gets the present one, which must not be kept under that name.
	header.Set("Cache-Control", "no-cache")
	if files.dev == "" && r.PathValue("version") == files.version {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(file.data) // an error means that the reader has gone
	return nil
}

func (u *UI) favicon(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, u.files.base()+"/lapwing.svg", http.StatusFound)
	return nil
}
