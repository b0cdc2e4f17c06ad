package config

import (
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Config is the whole configuration, with every default filled in.
type Config struct {
	Data       string              `yaml:"data" json:"data"`     // directory of all state
	Listen     string              `yaml:"listen" json:"listen"` // collector's host:port
	Hosts      []string            `yaml:"hosts" json:"hosts,omitempty"`
	Insecure   bool                `yaml:"insecure_bind" json:"insecure_bind,omitempty"` // allow an address that is not loopback, without TLS
	Ingest     Ingest              `yaml:"ingest" json:"ingest,omitzero"`
	Remediator Remediator          `yaml:"remediator" json:"remediator"`
	Services   map[string]Service  `yaml:"services" json:"services,omitempty"`
	Endpoints  map[string]Endpoint `yaml:"endpoints" json:"endpoints,omitempty"`
	Commands   map[string]Command  `yaml:"commands" json:"commands,omitempty"`
	Agent      Agent               `yaml:"agent" json:"agent"`
	Fleet      `yaml:",inline"`
	Notify     Notify  `yaml:"notify" json:"notify,omitzero"`
	Policies   string  `yaml:"policies" json:"policies,omitempty"` // glob of policy files, applied at start
	Modules    Modules `yaml:"modules" json:"modules,omitzero"`
	Audit      Audit   `yaml:"audit" json:"audit,omitzero"`
	Storage    Storage `yaml:"storage" json:"storage,omitzero"`
	Trace      Trace   `yaml:"trace" json:"trace"`
	Log        string  `yaml:"log" json:"log"` // debug, info, warn or error
}

// Ingest says which samples are admitted.
type Ingest struct {
	AllowBackfill bool `yaml:"allow_backfill" json:"allow_backfill,omitempty"` // take history too, which no policy judges
}

// Modules says whose modules are taken.
type Modules struct {
	RequireSignature bool     `yaml:"require_signature" json:"require_signature,omitempty"` // refuse what no trusted key has signed
	TrustedKeys      []string `yaml:"trusted_keys" json:"trusted_keys,omitempty"`           // public keys of minisign

	Memory      vigil.Size     `yaml:"memory" json:"memory,omitempty"`             // most that a manifest may want; 0 means 256MiB
	CompileTime vigil.Duration `yaml:"compile_time" json:"compile_time,omitempty"` // of a processor, for a small upload; 0 means 2s
}

// Audit says where the key of the audit log lies.
type Audit struct {
	Key string `yaml:"key" json:"key,omitempty"` // file, outside of the data directory; "": DATA.audit/key
}

// Storage bounds the history of metrics. What is zero has its default.
type Storage struct {
	Retention    vigil.Duration `yaml:"retention" json:"retention,omitempty"`         // how long samples are kept: 15 days
	MaxBytes     vigil.Size     `yaml:"max_bytes" json:"max_bytes,omitempty"`         // of compressed history at most, oldest first out: 10 GiB
	LogBytes     vigil.Size     `yaml:"log_bytes" json:"log_bytes,omitempty"`         // of samples that are not compressed yet: 64 MiB
	WALBytes     vigil.Size     `yaml:"wal_bytes" json:"wal_bytes,omitempty"`         // of SQLite's write-ahead log before it is folded under load: 16 MiB
	Ballast      vigil.Size     `yaml:"ballast" json:"ballast,omitempty"`             // kept free for when the disk is full: 64 MiB
	ChunkSamples int            `yaml:"chunk_samples" json:"chunk_samples,omitempty"` // of a series that are compressed together: 480
	MaxSeries    int            `yaml:"max_series" json:"max_series,omitempty"`       // that are known at most, ended ones too: 1,000,000
}

// Remediator configures the hands.
type Remediator struct {
	Listen    string       `yaml:"listen" json:"listen"`
	Labels    vigil.Labels `yaml:"labels" json:"labels,omitempty"`
	Host      string       `yaml:"host" json:"host,omitempty"`             // this host's name in targets
	Collector string       `yaml:"collector" json:"collector,omitempty"`   // URL, for a remediator on its own
	PauseFile string       `yaml:"pause_file" json:"pause_file,omitempty"` // while it exists nothing is begun; "": pause in the remediator's data
}

// Agent configures the built-in eyes.
type Agent struct {
	Interval vigil.Duration `yaml:"interval" json:"interval"`
}

// Trace configures the OTLP exporter; it is off while Endpoint is empty.
type Trace struct {
	Endpoint string `yaml:"endpoint" json:"endpoint,omitempty"`
}

// Service says how one service of this host is started and stopped.
type Service struct {
	Driver       string            `yaml:"driver" json:"driver"`
	Start        []string          `yaml:"start" json:"start,omitempty"` // argv, the first word an absolute path
	Pidfile      string            `yaml:"pidfile" json:"pidfile,omitempty"`
	Stop         Stop              `yaml:"stop" json:"stop,omitzero"`
	Reload       Reload            `yaml:"reload" json:"reload,omitzero"`
	StartTimeout vigil.Duration    `yaml:"start_timeout" json:"start_timeout,omitempty"`
	Env          map[string]string `yaml:"env" json:"env,omitempty"`
	Dir          string            `yaml:"dir" json:"dir,omitempty"`
	Unit         string            `yaml:"unit" json:"unit,omitempty"`           // driver systemd
	Container    string            `yaml:"container" json:"container,omitempty"` // driver docker
}

// Stop says how a service is asked to end, and for how long.
type Stop struct {
	Signal string         `yaml:"signal" json:"signal,omitempty"`
	Grace  vigil.Duration `yaml:"grace" json:"grace,omitempty"`
}

// Reload says how a service is asked to read its configuration again.
type Reload struct {
	Signal string `yaml:"signal" json:"signal,omitempty"`
}

// Default returns the configuration of an empty file. It reads the environment
// only for the user's own directories and host name.
func Default() Config {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return Config{
		Data:       defaultData(),
		Listen:     "127.0.0.1:8000",
		Remediator: Remediator{Listen: "127.0.0.1:8081", Host: host},
		Agent:      Agent{Interval: vigil.Duration(time.Second)},
		Log:        "warn",
	}
}

func defaultData() string {
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "vigil-data"
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "vigil")
}

// Load lays the file (if any) and the environment over the defaults.
func Load(file string, getenv func(string) string) (Config, error) {
	c := Default()
	if file != "" {
		raw, err := readMost(file, maxDocument+1)
		if err != nil {
			return Config{}, vigil.Errorf(vigil.Invalid, "config_unreadable", "read configuration: %v", err).
				Hinted("check the path given to --config")
		}
		if err := Decode(file, raw, &c); err != nil {
			return Config{}, err
		}
	}
	if err := c.fromEnv(getenv); err != nil {
		return Config{}, err
	}
	return c, c.Check()
}

// readMost reads the first bytes of a file, which may be a device without end.
func readMost(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// fromEnv applies the VIGIL_* variables.
func (c *Config) fromEnv(getenv func(string) string) error {
	for name, field := range map[string]*string{
		"VIGIL_DATA":              &c.Data,
		"VIGIL_AUDIT_KEY":         &c.Audit.Key,
		"VIGIL_LISTEN":            &c.Listen,
		"VIGIL_REMEDIATOR_LISTEN": &c.Remediator.Listen,
		"VIGIL_HOST":              &c.Remediator.Host,
		"VIGIL_COLLECTOR":         &c.Remediator.Collector,
		"VIGIL_PAUSE_FILE":        &c.Remediator.PauseFile,
		"VIGIL_POLICIES":          &c.Policies,
		"VIGIL_LOG":               &c.Log,
	} {
		if v := getenv(name); v != "" {
			*field = v
		}
	}
	if v := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); v != "" {
		c.Trace.Endpoint = v
	}
	if v := getenv("VIGIL_AGENT_INTERVAL"); v != "" {
		if err := c.Agent.Interval.UnmarshalText([]byte(v)); err != nil {
			return vigil.AsError(err).Hinted("unset VIGIL_AGENT_INTERVAL or give it a duration such as 1s")
		}
	}
	return nil
}

// Check reports the first thing that no process could start with. Flags may
// have overlaid the configuration since it was loaded.
func (c *Config) Check() error {
	bad := func(format string, args ...any) *vigil.Error {
		return vigil.Errorf(vigil.Invalid, "config_invalid", format, args...)
	}
	if c.Data == "" {
		return bad("data: no directory given")
	}
	if within(c.AuditKey(), c.Data) {
		return bad("audit.key: %q lies in the data directory, where a copy of the database would take it along", c.Audit.Key).
			Hinted("leave it out for %s", Config{Data: c.Data}.AuditKey())
	}
	if !listenable(c.Listen) {
		return bad("listen: %q: want HOST:PORT", c.Listen).Hinted("--listen 127.0.0.1:8000")
	}
	if !listenable(c.Remediator.Listen) {
		return bad("remediator.listen: %q: want HOST:PORT", c.Remediator.Listen).Hinted("--remediator-listen 127.0.0.1:8081")
	}
	if c.Agent.Interval.D() < 100*time.Millisecond {
		return bad("agent.interval: %s is below 100ms", c.Agent.Interval).Hinted("give a longer one, for example 1s")
	}
	if _, err := vigil.ParseTarget("host:" + c.Remediator.Host); err != nil {
		return bad("remediator.host: %q is no name for a target: want letters, digits, dot, dash and underscore", c.Remediator.Host).
			Hinted("name this host yourself with --host")
	}
	if err := new(slog.Level).UnmarshalText([]byte(c.Log)); err != nil {
		return bad("log: %q: want debug, info, warn or error", c.Log)
	}
	if _, err := filepath.Match(c.Policies, ""); err != nil {
		return bad("policies: %q is no pattern of file names", c.Policies)
	}
	if u := c.Remediator.Collector; u != "" && !webURL(u) {
		return bad("remediator.collector: %q: want for example http://127.0.0.1:8000", u)
	}
	if u := c.Trace.Endpoint; u != "" && !webURL(u) {
		return bad("trace.endpoint: %q: want for example http://127.0.0.1:4318", u)
	}
	if err := c.Modules.check(); err != nil {
		return err
	}
	if err := c.Storage.check(); err != nil {
		return err
	}
	if err := c.Fleet.check(); err != nil {
		return err
	}
	for name := range c.Services {
		if t, err := vigil.ParseTarget("service:" + name); err != nil || t.Host != "" {
			return bad("services: %q is no name: use letters, digits, dot, dash, underscore", name)
		}
	}
	return nil
}

// AuditKey is the file of the audit log's key: beside the data directory unless
// the configuration says otherwise, so that a copy of that holds no key.
func (c Config) AuditKey() string {
	if c.Audit.Key != "" {
		return c.Audit.Key
	}
	return filepath.Join(filepath.Clean(c.Data)+".audit", "key")
}

// within reports whether a path lies in a directory.
func within(path, dir string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false
	}
	rel, err := filepath.Rel(dir, abs)
	return err == nil && filepath.IsLocal(rel)
}

func (s Storage) check() error {
	bad := func(format string, args ...any) *vigil.Error {
		return vigil.Errorf(vigil.Invalid, "config_invalid", format, args...).Hinted("leave it out for the default")
	}
	switch {
	case s.Retention != 0 && s.Retention.D() < time.Minute:
		return bad("storage.retention: %s is below 1m", s.Retention)
	case s.MaxBytes != 0 && s.MaxBytes < 1<<20:
		return bad("storage.max_bytes: %v is below 1 MiB", s.MaxBytes)
	case s.LogBytes != 0 && (s.LogBytes < 4<<10 || s.LogBytes > 128<<20):
		return bad("storage.log_bytes: %v is not between 4 KiB and 128 MiB", s.LogBytes)
	case s.WALBytes != 0 && (s.WALBytes < 16<<10 || s.WALBytes > 64<<20):
		return bad("storage.wal_bytes: %v is not between 16 KiB and 64 MiB", s.WALBytes)
	// the write-ahead log, 16 MiB and what one commit adds, may have to be folded in it
	case s.Ballast != 0 && (s.Ballast < 32<<20 || s.Ballast > 1<<30):
		return bad("storage.ballast: %v is not between 32 MiB and 1 GiB", s.Ballast)
	case s.ChunkSamples != 0 && (s.ChunkSamples < 8 || s.ChunkSamples > 4096):
		return bad("storage.chunk_samples: %d is not between 8 and 4096", s.ChunkSamples)
	case s.MaxSeries < 0 || s.MaxSeries > 10_000_000:
		return bad("storage.max_series: %d is not between 1 and 10000000", s.MaxSeries)
	}
	return nil
}

func (m Modules) check() error {
	if m.Memory != 0 && (m.Memory < 1<<20 || m.Memory > 4<<30) {
		return vigil.Errorf(vigil.Invalid, "config_invalid", "modules.memory: %s: want 1MiB to 4GiB", m.Memory)
	}
	if d := m.CompileTime.D(); d != 0 && (d < time.Second || d > time.Hour) {
		return vigil.Errorf(vigil.Invalid, "config_invalid", "modules.compile_time: %s: want 1s to 1h", m.CompileTime)
	}
	const hint = "vigil module keygen makes a key; its public half is one line that begins with RW"
	if m.RequireSignature && len(m.TrustedKeys) == 0 {
		return vigil.Errorf(vigil.Invalid, "config_invalid", "modules.require_signature: true, and modules.trusted_keys is empty").Hinted(hint)
	}
	for _, k := range m.TrustedKeys {
		if raw, err := base64.StdEncoding.DecodeString(k); err != nil || len(raw) != 42 || string(raw[:2]) != "Ed" {
			return vigil.Errorf(vigil.Invalid, "config_invalid", "modules.trusted_keys: %.80q is no public key of minisign", k).Hinted(hint)
		}
	}
	return nil
}

// listenable reports whether an address is HOST:PORT; the host may be empty.
func listenable(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func webURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
