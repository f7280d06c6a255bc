//go:build unix

package tail

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Denied says why a file may not be read, and by which command it could be.
func Denied(path string) string {
	who := "this process (uid " + strconv.Itoa(os.Geteuid()) + ")"
	account := "USER"
	if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
		who, account = "the user "+u.Username, u.Username
	}
	place, right := path, "r"
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) { // the topmost folder that cannot be entered
		if info, err := os.Stat(dir); err == nil && info.IsDir() && syscall.Access(dir, 1) != nil {
			place, right = dir, "x"
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	info, err := os.Stat(place)
	if err != nil {
		return fmt.Sprintf("%s may not read %s; let it: setfacl -m u:%s:%s %s", who, path, account, right, place)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Sprintf("%s may not read %s", who, path)
	}
	owner, group := strconv.Itoa(int(s.Uid)), strconv.Itoa(int(s.Gid))
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	told := fmt.Sprintf("%s may not read %s: %s belongs to %s:%s with mode %04o", who, path, place, owner, group, info.Mode().Perm())
	bit := os.FileMode(0o040)
	if right == "x" {
		bit = 0o010
	}
	if info.Mode()&bit != 0 && group != "root" {
		return fmt.Sprintf("%s; add it to that group and restart Lapwing: usermod -aG %s %s", told, group, account)
	}
	return fmt.Sprintf("%s; let it: setfacl -m u:%s:%s %s", told, account, right, place)
}
