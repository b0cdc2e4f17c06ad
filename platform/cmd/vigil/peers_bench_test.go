package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
)

// The load of the benchmarks with peers: ten exporters of a thousand series, whose
// scrapes are a second apart and begin an hour ago, so that all of it can be sealed.
const (
	peerExporters = 10
	peerScrapes   = 600
	peerSamples   = peerExporters * peerScrapes * 1000
)

// peer is a server under load, a process of its own on a disk of its own.
type peer struct {
	url    string
	pid    int
	dir    string                   // all it writes
	settle func(b *testing.B)       // makes it seal what it has
	stop   func(b *testing.B)       // asks it to end
	disk   func(b *testing.B) int64 // bytes on disk once it has ended
}

// openers start the peers. Vigil judges each sample by a policy meanwhile.
var openers = []struct {
	name string
	open func(b *testing.B) *peer
}{{"vigil", openVigil}, {"victoria-metrics", openVictoria}, {"prometheus", openPrometheus}}

func openVigil(b *testing.B) *peer {
	b.Helper()
	dir := b.TempDir()
	conf := write(b, dir, "vigil.yaml", "policies: "+write(b, dir, "watch.yaml", watchAll)+"\nservices: {}\n")
	start := func() *process {
		return launchReleased(b, dir, environ(dir), "--no-agent", "--no-demo", "--config", conf)
	}
	p := &peer{dir: filepath.Join(dir, "data")}
	stopAll(b, start())
	empty := bytesIn(b, p.dir) // the modules that Vigil brings along
	v := start()
	p.url, p.pid = v.Collector, v.cmd.Process.Pid
	p.settle = func(b *testing.B) {
		b.Helper()
		until(b, 90*time.Second, "history is sealed", func() bool {
			time.Sleep(time.Second) // each look is a process
			rows := query(b, released(b, "vigil"), dir, "SELECT coalesce(sum(samples), 0) AS n FROM log")
			return rows[0]["n"].(float64) < 300_000 // what is less is left to grow for two hours
		})
	}
	p.stop = func(b *testing.B) { b.Helper(); stopAll(b, v) }
	p.disk = func(b *testing.B) int64 { b.Helper(); return bytesIn(b, p.dir) - empty }
	return p
}

func openVictoria(b *testing.B) *peer {
	b.Helper()
	dir, addr := b.TempDir(), freeAddr(b)
	p := spawn(b, builtTool(b, "VIGIL_VICTORIA", "victoria-metrics-v1.148.8"), addr, "/health", dir,
		"-storageDataPath", dir, "-httpListenAddr", addr, "-retentionPeriod", "1", "-loggerLevel", "ERROR")
	p.settle = func(b *testing.B) {
		b.Helper()
		visit(b, p.url+"/internal/force_flush", nil)
		visit(b, p.url+"/internal/force_merge", nil)
	}
	return p
}

func openPrometheus(b *testing.B) *peer {
	b.Helper()
	dir, addr := b.TempDir(), freeAddr(b)
	p := spawn(b, builtTool(b, "VIGIL_PROMETHEUS", "prometheus-v0.316.0"), addr, "/-/ready", dir,
		"--config.file", write(b, b.TempDir(), "prometheus.yml", "{}\n"), "--storage.tsdb.path", dir, "--web.listen-address", addr,
		"--web.enable-remote-write-receiver", "--web.enable-admin-api", "--log.level", "error")
	p.settle = func(b *testing.B) { // a block of all that is in its head, which it would write hours later
		b.Helper()
		resp, err := http.Post(p.url+"/api/v1/admin/tsdb/snapshot", "", nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatalf("snapshot: %v, %v", resp, err)
		}
		resp.Body.Close()
		p.disk = func(b *testing.B) int64 { b.Helper(); return bytesIn(b, filepath.Join(dir, "snapshots")) }
	}
	return p
}

// spawn starts somebody else's server and waits until it answers.
func spawn(b *testing.B, bin, addr, ready, dir string, args ...string) *peer {
	b.Helper()
	cmd := exec.Command(bin, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill() })
	p := &peer{url: "http://" + addr, pid: cmd.Process.Pid, dir: dir}
	p.stop = func(b *testing.B) {
		b.Helper()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	p.disk = func(b *testing.B) int64 { b.Helper(); return bytesIn(b, dir) }
	until(b, 30*time.Second, filepath.Base(bin)+" answers", func() bool { return get(b.Context(), p.url+ready, nil) == nil })
	return p
}

// visit asks for an address.
func visit(b *testing.B, url string, into any) {
	b.Helper()
	if err := get(b.Context(), url, into); err != nil {
		b.Fatal(err)
	}
}

// bytesIn is what the files of a folder take on disk. A disk in memory would
// make every fsync free, and is refused.
func bytesIn(b *testing.B, dir string) (size int64) {
	b.Helper()
	var on syscall.Statfs_t
	if err := syscall.Statfs(dir, &on); err != nil || on.Type == 0x01021994 {
		b.Fatalf("%s is on a tmpfs (or %v); set TMPDIR to a folder on a disk", dir, err)
	}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if err == nil {
			size += fi.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// BenchmarkPeer_Ingest sends the same bodies, made before, to Vigil and to those
// who do the same work, two requests in flight: what the server's processor pays,
// when it acknowledges, what it holds in memory and on disk. task bench:ingest
// prints them beside each other.
func BenchmarkPeer_Ingest(b *testing.B) {
	for _, load := range []struct {
		name string
		p    protocol
		body func(b *testing.B, exporter int, at time.Time, r *rand.Rand) []byte
		to   []string
	}{
		{"remote-write", protocol{path: "/api/v1/write", media: "application/x-protobuf", encoding: "snappy"}, peerWrite, []string{"vigil", "victoria-metrics", "prometheus"}},
		{"influx", protocol{path: "/write", media: "text/plain"}, peerLines, []string{"vigil", "victoria-metrics"}},
	} {
		begin := time.Now().Add(-55 * time.Minute).Truncate(time.Second)
		r := rand.New(rand.NewPCG(1, 2))
		var bodies [2][][]byte // by connection: the scrapes of a series come in their order
		for scrape := range peerScrapes {
			for exporter := range peerExporters {
				bodies[exporter%2] = append(bodies[exporter%2], load.body(b, exporter, begin.Add(time.Duration(scrape)*time.Second), r))
			}
		}
		for _, o := range openers {
			if slices.Contains(load.to, o.name) {
				b.Run(load.name+"/"+o.name, func(b *testing.B) { burden(b, o.open(b), load.p, bodies) })
			}
		}
	}
}

// burden sends the bodies to a peer and reports what that costs it.
func burden(b *testing.B, p *peer, how protocol, bodies [2][][]byte) {
	b.Helper()
	var acks [2][]time.Duration
	before, begin := processorTime(b, p.pid), time.Now()
	var both sync.WaitGroup
	for i := range bodies {
		both.Go(func() { acks[i] = how.deliver(b, p.url, bodies[i]) })
	}
	both.Wait()
	took := time.Since(begin)
	cpu := processorTime(b, p.pid) - before
	rss := resident(b, p.pid)
	p.settle(b)
	all := processorTime(b, p.pid) - before
	p.stop(b)
	b.ReportMetric(float64(cpu.Nanoseconds())/peerSamples, "cpu-ns/sample")
	b.ReportMetric(float64(all.Nanoseconds())/peerSamples, "cpu-sealed-ns/sample")
	b.ReportMetric(peerSamples/took.Seconds(), "samples/s")
	b.ReportMetric(rss, "rss-MB")
	b.ReportMetric(float64(p.disk(b))/peerSamples, "disk-B/sample")
	took2 := slices.Concat(acks[0], acks[1])
	report(b, took2, 50, "ack-p50-ms")
	report(b, took2, 99, "ack-p99-ms")
}

// deliver posts bodies one after the other and returns how long each took.
func (p protocol) deliver(b *testing.B, url string, bodies [][]byte) (acks []time.Duration) {
	b.Helper()
	var direct http.Client
	for _, body := range bodies {
		begin := time.Now()
		status, said, err := p.post(b.Context(), &direct, url, body)
		if err != nil || status >= 300 {
			b.Errorf("POST %s = %d %s, %v", p.path, status, said, err)
			return acks
		}
		acks = append(acks, time.Since(begin))
	}
	return acks
}

// post sends one body.
func (p protocol) post(ctx context.Context, by *http.Client, url string, body []byte) (status int, said []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+p.path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", p.media)
	if p.encoding != "" {
		req.Header.Set("Content-Encoding", p.encoding)
	}
	resp, err := by.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	said, err = io.ReadAll(resp.Body)
	return resp.StatusCode, said, err
}

// peerValue is half counters, which grow by whole numbers, and half gauges with
// two digits that wander.
func peerValue(i int, at time.Time, r *rand.Rand) float64 {
	if i%2 == 0 {
		return float64(at.Unix()%3600*int64(i) + r.Int64N(int64(i)+1))
	}
	return float64(2000+i+r.IntN(200)) / 100
}

func peerWrite(b *testing.B, exporter int, at time.Time, r *rand.Rand) []byte {
	b.Helper()
	var w prompb.WriteRequest
	benchSeries(0, func(i int, labels []string) {
		ts := prompb.TimeSeries{
			Labels:  []prompb.Label{{Name: "__name__", Value: "node_cpu_seconds_total"}},
			Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: peerValue(i, at, r)}},
		}
		for k := 0; k < len(labels); k += 2 {
			ts.Labels = append(ts.Labels, prompb.Label{Name: labels[k], Value: ofExporter(labels[k], labels[k+1], exporter)})
		}
		w.Timeseries = append(w.Timeseries, ts)
	})
	raw, err := w.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	return snappy.Encode(nil, raw)
}

// ofExporter gives each exporter hosts of its own.
func ofExporter(label, value string, exporter int) string {
	if label == "host" || label == "instance" {
		return fmt.Sprintf("e%d-%s", exporter, value)
	}
	return value
}

// peerLines are the thousand samples as a hundred lines of ten fields.
func peerLines(b *testing.B, exporter int, at time.Time, r *rand.Rand) []byte {
	b.Helper()
	var enc lineprotocol.Encoder
	benchSeries(0, func(i int, labels []string) {
		if i >= 100 {
			return
		}
		enc.StartLine("node_cpu")
		for k := 0; k < len(labels); k += 2 {
			enc.AddTag(labels[k], ofExporter(labels[k], labels[k+1], exporter))
		}
		for f := range 10 {
			enc.AddField(fmt.Sprintf("usage_%d", f), lineprotocol.MustNewValue(peerValue(10*i+f, at, r)))
		}
		enc.EndLine(at)
	})
	if err := enc.Err(); err != nil {
		b.Fatal(err)
	}
	return enc.Bytes()
}
