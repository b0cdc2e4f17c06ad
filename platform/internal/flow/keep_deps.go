//go:build keepdeps

package flow

import (
	_ "github.com/danielgtaylor/huma/v2"
	_ "github.com/gofiber/fiber/v3"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/pressly/goose/v3"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/prometheus/prometheus/promql/parser"
	_ "github.com/prometheus/prometheus/tsdb/chunkenc"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/spf13/cobra"
	_ "github.com/tetratelabs/wazero"
	_ "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	_ "go.opentelemetry.io/otel/sdk/trace"
	_ "go.uber.org/goleak"
	_ "go.yaml.in/yaml/v4"
	_ "modernc.org/sqlite"
	_ "pgregory.net/rapid"
	_ "go.opentelemetry.io/proto/otlp/collector/trace/v1"
)
