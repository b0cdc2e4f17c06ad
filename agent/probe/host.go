package probe

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// readFile returns a file of /proc, nil if it cannot be read.
func (p *Probe) readFile(name string) []byte {
	b, err := os.ReadFile(p.opts.Proc + "/" + name)
	if err != nil {
		return nil
	}
	return b
}

// number reads the i-th of the fields; false if it is not there.
func number(fields []string, i int) (float64, bool) {
	if i >= len(fields) {
		return 0, false
	}
	v, err := strconv.ParseFloat(fields[i], 64)
	return v, err == nil
}

// readUptime returns the seconds since boot.
func (p *Probe) readUptime() float64 {
	v, _ := number(strings.Fields(string(p.readFile("uptime"))), 0)
	return v
}

// cpuTimes are the clock ticks that all cores spent since boot.
type cpuTimes struct{ busy, all float64 }

func (p *Probe) measureCPU(r *reading) {
	line, _, _ := bytes.Cut(p.readFile("stat"), []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return
	}
	var now cpuTimes
	for i := 1; i <= 8; i++ { // user nice system idle iowait irq softirq steal
		v, _ := number(fields, i)
		now.all += v
		if i != 4 && i != 5 {
			now.busy += v
		}
	}
	before := p.cpu
	p.cpu = now
	if all := now.all - before.all; r.elapsed > 0 && all > 0 {
		r.add("host_cpu", max(0, min((now.busy-before.busy)/all, 1)))
	}
}

func (p *Probe) measureMemory(r *reading) {
	var total, available float64
	for line := range strings.Lines(string(p.readFile("meminfo"))) {
		fields := strings.Fields(line)
		v, ok := number(fields, 1)
		switch {
		case !ok:
		case fields[0] == "MemTotal:":
			total = v
		case fields[0] == "MemAvailable:":
			available = v
		}
	}
	if total > 0 {
		r.add("host_memory", 1-available/total)
	}
}

func (p *Probe) measureLoad(r *reading) {
	if v, ok := number(strings.Fields(string(p.readFile("loadavg"))), 0); ok {
		r.add("host_load1", v)
	}
}

// maxMounts and maxDevices bound the series of one host.
const (
	maxMounts  = 16
	maxDevices = 16
)

// measureDisks looks at file systems on block devices, each once, and at the
// root. Network file systems are left alone: asking one that is gone blocks.
func (p *Probe) measureDisks(r *reading) {
	seen := map[string]bool{}
	for line := range strings.Lines(string(p.readFile("self/mounts"))) {
		fields := strings.Fields(line)
		if len(fields) < 3 || len(seen) >= maxMounts {
			continue
		}
		device, mount := fields[0], fields[1]
		if seen[device] || (mount != "/" && !strings.HasPrefix(device, "/dev/")) {
			continue
		}
		if at, err := os.Stat(mount); err != nil || !at.IsDir() {
			continue // a file mounted over a file, as containers do
		}
		var fs syscall.Statfs_t
		if syscall.Statfs(mount, &fs) != nil || fs.Blocks == 0 {
			continue
		}
		seen[device] = true
		used := float64(fs.Blocks - fs.Bfree)
		r.add("host_disk", used/(used+float64(fs.Bavail)), "mount", mount)
	}
}

// netBytes are the bytes a device moved since boot.
type netBytes struct{ received, sent float64 }

// measureNetwork looks at every device but the loopback and the ends of
// containers' cables, which come and go. One that never moved a byte is left out.
func (p *Probe) measureNetwork(r *reading) {
	now := map[string]netBytes{}
	for line := range strings.Lines(string(p.readFile("net/dev"))) {
		device, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || device == "lo" || strings.HasPrefix(device, "veth") || len(now) >= maxDevices {
			continue
		}
		fields := strings.Fields(rest)
		received, _ := number(fields, 0)
		sent, ok := number(fields, 8)
		if !ok || received+sent == 0 {
			continue
		}
		now[device] = netBytes{received, sent}
		before, known := p.network[device]
		if known && r.elapsed > 0 && received >= before.received && sent >= before.sent {
			r.add("host_network_receive_bytes_per_second", (received-before.received)/r.elapsed, "device", device)
			r.add("host_network_transmit_bytes_per_second", (sent-before.sent)/r.elapsed, "device", device)
		}
	}
	p.network = now
}
