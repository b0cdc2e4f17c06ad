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

# need_tool NAME MODULE VERSION PACKAGE FLAG... sets $tool to the path of a
# program that is built from a Go module into the user's cache, once. It is built
# in the module's own folder, since go install refuses replace directives.
need_tool() {
	name=$1 module=$2 version=$3 package=$4
	shift 4
	tool=$cache/tools/$name-$version
	[ ! -x "$tool" ] || return 0
	echo "building $name $version from its source; this takes some minutes, once" >&2
	mkdir -p "$cache/tools"
	dir=$(cd "$cache/tools" && go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	(cd "$dir" && GOWORK=off CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags='-s -w' "$@" -o "$tool.part" "$package") && mv "$tool.part" "$tool" ||
		missing "$name $version could not be built"
}

# need_jaeger: a Jaeger that receives OTLP and answers queries.
need_jaeger() { need_tool jaeger github.com/jaegertracing/jaeger v1.76.0 ./cmd/all-in-one; }

# need_prometheus: a Prometheus without a console and clouds' service discovery.
need_prometheus() { need_tool prometheus github.com/prometheus/prometheus v0.316.0 ./cmd/prometheus -tags netgo,remove_all_sd; }

# need_victoria: a VictoriaMetrics on one node.
need_victoria() { need_tool victoria-metrics github.com/VictoriaMetrics/VictoriaMetrics v1.148.8 ./app/victoria-metrics; }
