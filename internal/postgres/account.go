package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that the server runs as. PostgreSQL refuses to run as root.
type account struct {
	name  string
	uid   uint32
	gid   uint32
	other bool // not the account that this process runs as
}

// accountFor returns the account for the cluster in dir: this process's own; or under root the owner of the data,
// else postgres, else nobody.
func accountFor(dir string) (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil //nolint:gosec // ids are 32 bits wide
	}
	names := []string{"postgres", "nobody"}
	if info, err := os.Stat(filepath.Join(dir, dataDir)); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
			return account{name: accountName(stat.Uid), uid: stat.Uid, gid: stat.Gid, other: true}, nil
		}
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return account{name: name, uid: uint32(uid), gid: uint32(gid), other: true}, nil
		}
	}
	return account{}, fmt.Errorf("PostgreSQL does not run as root, and there is no user %q to run it as: "+
		"add one, or start herald as an ordinary user", names)
}

func accountName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// command prepares a program to run as the account, in dir, in a process group of its own and with a small
// environment: PGPORT and the like must not reach the server.
func (a account) command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"LC_ALL=C", "HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	if libraries := os.Getenv("LD_LIBRARY_PATH"); libraries != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+libraries)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

// canEnter reports whether the account can work in dir: every directory above must let it through. It asks the
// kernel, which knows access lists and mounts that permission bits do not show.
func (a account) canEnter(ctx context.Context, dir string) (bool, error) {
	if !a.other {
		return true, nil
	}
	err := a.command(ctx, dir, "/bin/sh", "-c", ":").Run()
	if errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("running a program as user %s in %s: %w", a.name, dir, err)
	}
	return true, nil
}

// own gives path to the account.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("giving %s to user %s: %w", path, a.name, err)
	}
	return nil
}

// adopt gives the tree at path to the account unless the account owns it: root may have copied data into place.
func (a account) adopt(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking whom %s belongs to: %w", path, err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !a.other || ok && stat.Uid == a.uid {
		return nil
	}
	err = filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return a.own(name)
	})
	if err != nil {
		return fmt.Errorf("giving %s to user %s: %w", path, a.name, err)
	}
	return nil
}
