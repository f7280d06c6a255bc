package app

import (
	"runtime"
	"runtime/debug"
)

// version is set by the linker: -X lapwing.dev/lapwing/internal/app.version=v1.2.3.
var version string

// BuildInfo says what this binary is.
type BuildInfo struct {
	Version  string
	Go       string
	Platform string
}

// Version returns what the linker or the module system knows of this binary.
func Version() BuildInfo {
	info := BuildInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info.Version != "" {
		return info
	}
	info.Version = "devel"
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	if v := build.Main.Version; v != "" && v != "(devel)" {
		info.Version = v
	}
	return info
}
