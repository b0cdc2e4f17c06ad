# Sourced by the other scripts: what they need from the machine, installed once.
# A need that cannot be met is said loudly; where CI is set it ends the run.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/vigil
PATH=$PATH:/usr/sbin:/usr/local/go/bin

missing() {
	echo "MISSING: $1" >&2
	[ -z "${CI:-}" ] || exit 1
}

need_go() {
	command -v go >/dev/null || { echo "Vigil is built with Go; install it from https://go.dev/dl and run this again" >&2; exit 1; }
}

# need_command NAME PACKAGE... makes sure that a command is there, from Debian's packages.
need_command() {
	name=$1
	shift
	command -v "$name" >/dev/null && return
	root=
	[ "$(id -u)" = 0 ] || root="sudo -n"
	echo "installing $* for the tests" >&2
	{ $root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 2>&1 ||
		missing "$name; install the package $1 and run this again"
}

# need_jaeger sets $jaeger to the path of a Jaeger that receives OTLP and
# answers queries. It builds from its module's own folder, since go install
# refuses its replace directives.
need_jaeger() {
	version=v1.76.0
	jaeger=$cache/tools/jaeger-$version
	[ ! -x "$jaeger" ] || return 0
	echo "building Jaeger $version for the tests; this takes some minutes, once" >&2
	mkdir -p "$cache/tools"
	dir=$(cd "$cache/tools" && go mod download -json "github.com/jaegertracing/jaeger@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	(cd "$dir" && go build -mod=readonly -trimpath -ldflags='-s -w' -o "$jaeger.part" ./cmd/all-in-one) && mv "$jaeger.part" "$jaeger" ||
		missing "Jaeger $version could not be built"
}
