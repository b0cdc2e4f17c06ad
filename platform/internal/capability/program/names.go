package program

import "strings"

// interpreters are programs that run what their arguments, their input or a
// file says, so that to run one with an argument of one's own is to run
// anything.
func interpreters() []string {
	return strings.Fields(`
	sh bash rbash dash zsh ksh ksh93 mksh lksh yash posh ash fish csh tcsh nu elvish xonsh pwsh busybox toybox sash
	python pypy perl raku ruby jruby irb node nodejs deno bun qjs lua luajit php tclsh wish expect Rscript R
	java jshell jrunscript ghci runghc guile racket sbcl clisp ocaml erl escript elixir iex groovy scala mono dotnet wine
	octave gnuplot gdb lldb dc bc m4 jq
	awk gawk mawk nawk original-awk sed ed ex vi vim nvim nano emacs less more most man pager view
	find fd fdfind xargs parallel entr tar bsdtar cpio zip rsync git hg svn make gmake bmake cmake ninja meson
	gcc cc clang tcc go cargo rustc ld as
	env nice ionice chrt taskset numactl nohup timeout setsid stdbuf unbuffer time perf strace ltrace valgrind
	unshare nsenter chroot fakeroot fakechroot proot bwrap firejail flock watch script scriptreplay setarch linux32 linux64 prlimit
	cpulimit catchsegv eatmydata dbus-run-session dbus-launch xvfb-run run-parts runcon newgrp sg
	tini dumb-init catatonit chpst envdir setuidgid softlimit s6-svscan runsv runit daemontools supervise
	sudo su doas run0 gosu su-exec runuser pkexec setpriv capsh start-stop-daemon daemonize systemd-run systemd-nspawn machinectl
	at batch crontab ssh scp sftp nc ncat socat telnet tmux screen byobu dtach
	docker podman buildah nerdctl kubectl ctr crictl runc crun lxc lxc-attach virsh ansible salt puppet
	pip npm npx yarn gem apt apt-get dpkg rpm dnf yum snap flatpak
	mysql mariadb psql sqlite redis-cli mongo mongosh openssl logrotate tcpdump nmap
`)
}

// loaders are the beginnings of names of those that run the program that their
// first argument names.
func loaders() []string { return []string{"ld-linux", "ld-musl", "ld.so", "ld64.so", "vim.", "qemu-"} }

// variants are the endings, between dashes or dots, under which distributions
// ship one and the same program: bash-static, nc.openbsd, python3-dbg.
func variants() []string {
	return strings.Fields(`static static-pie dbg debug dev devel real distrib bin full lite light minimal tiny nox basic gtk gtk3 athena
		original orig nosuid suid cgi cli fpm old new stable lts beta nightly main openbsd traditional gnu bsd posix native login restricted wrapped unwrapped dist`)
}

// platforms are the words of a compiler's target.
func platforms() []string {
	return strings.Fields(`linux gnu musl gnueabihf gnueabi gnux32 pc unknown x86_64 x86 amd64 i386 i486 i586 i686
		aarch64 arm64 arm armhf armv7l riscv64 ppc64le powerpc64le s390x`)
}

// lexicon is what names can say.
type lexicon struct {
	programs map[string]bool // interpreters
	words    map[string]bool // variants and platforms
}

func newLexicon() lexicon {
	set := func(words []string) map[string]bool {
		all := make(map[string]bool, len(words))
		for _, w := range words {
			all[w] = true
		}
		return all
	}
	return lexicon{set(interpreters()), set(append(variants(), platforms()...))}
}

// named returns the interpreter that a file of this name is by all that its name
// says, "" if it says none: python, python3.13t, perl5.38-x86_64-linux-gnu,
// bash-static, nc.openbsd.
func (l lexicon) named(name string) string {
	for _, start := range loaders() {
		if strings.HasPrefix(name, start) {
			return name
		}
	}
	for end := len(name); end > 0; end-- {
		if stem := name[:end]; l.programs[stem] && l.variant(name[end:]) {
			return stem
		}
	}
	return ""
}

// variant reports whether what follows a program's name only says which build
// of it this is: a version, a platform, an ending that is known.
func (l lexicon) variant(rest string) bool {
	if rest == "" {
		return true
	}
	if len(rest) > 1 && strings.ContainsRune("-._", rune(rest[0])) && !digit(rest[1]) {
		return l.flavour(rest[1:])
	}
	version := strings.TrimLeft(rest, "-._")
	if version == "" || !digit(version[0]) {
		return false
	}
	// The version, with letters right behind it (3.13t, 3.8dm), and then a flavour.
	version = strings.TrimLeft(version, "0123456789._")
	end := strings.IndexAny(version, "-._")
	if end < 0 {
		return build(version)
	}
	return build(version[:end]) && l.variant(version[end:])
}

// build reports whether letters right behind a version are how a build of it is
// told apart, as in 3.13t and 3.8dm.
func build(letters string) bool {
	return len(letters) <= 2 && strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz") == ""
}

// flavour reports whether the words, divided by dashes and dots, all name a
// platform or a variant.
func (l lexicon) flavour(words string) bool {
	for w := range strings.FieldsFuncSeq(words, func(r rune) bool { return r == '-' || r == '.' }) {
		if !l.words[w] && strings.Trim(w, "0123456789") != "" {
			return false
		}
	}
	return true
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
