package program

import (
	"path/filepath"
	"slices"
	"strings"
)

// interpreters are programs that run what their arguments, their input or a
// file says, so that to run one with an argument of one's own is to run
// anything. Versions in a name (python3.12) are cut off before it is looked up.
var interpreters = strings.Fields(`
	sh bash rbash dash zsh ksh mksh ash fish csh tcsh busybox toybox
	python pypy perl raku ruby irb node nodejs deno bun lua luajit php tclsh wish expect Rscript R
	java jshell ghci guile gdb lldb
	awk gawk mawk nawk sed ed ex vi vim nvim emacs less more man
	find fd xargs parallel tar cpio zip rsync git make cmake ninja
	env nice nohup timeout setsid stdbuf unshare nsenter chroot flock watch script strace ltrace
	sudo su doas runuser pkexec setpriv capsh start-stop-daemon systemd-run at batch crontab
	ssh scp sftp nc nc.openbsd nc.traditional ncat socat telnet
	docker podman nerdctl kubectl ctr crictl lxc virsh ansible
	mysql psql sqlite
`)

// Interpreter returns the name by which the program at path runs whatever it is
// told to, "" if none is known. A link is followed, so that another name for one
// is none the less one; a copy under another name is not seen through.
func Interpreter(path string) string {
	names := []string{filepath.Base(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		names = append(names, filepath.Base(real))
	}
	for _, name := range names {
		plain := strings.TrimRight(name, "0123456789.-")
		if strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "ld-musl") || strings.HasPrefix(name, "vim.") ||
			slices.Contains(interpreters, name) || slices.Contains(interpreters, plain) {
			return name
		}
	}
	return ""
}
