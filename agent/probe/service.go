package probe

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

const (
	ticksPerSecond = 100 // USER_HZ, the same on every Linux that Go runs on
	maxProcs       = 512 // processes of one service; more are not counted
)

// procKey names a process for good: a pid is used again, a pid with its start
// is not.
type procKey struct {
	pid   int
	start float64 // ticks since boot
}

// process is what /proc/PID/stat says.
type process struct {
	procKey
	zombie bool
	cpu    float64 // seconds
	rss    float64 // bytes
}

// measureServices reads the process tree of every service.
func (p *Probe) measureServices(r *reading) {
	procs := map[procKey]float64{}
	for _, s := range p.opts.Services() {
		root, ok := p.readProcess(s.PID)
		if !ok || root.zombie {
			r.add("service_up", 0, "service", s.Name)
			continue
		}
		_, known := p.spent(root)
		var cpu, rss float64
		for _, one := range p.tree(root) {
			used, _ := p.spent(one)
			cpu, rss = cpu+used, rss+one.rss
			procs[one.procKey] = one.cpu
		}
		r.add("service_up", 1, "service", s.Name)
		r.add("service_pid", float64(s.PID), "service", s.Name)
		r.add("service_rss_bytes", rss, "service", s.Name)
		if r.elapsed > 0 && known {
			r.add("service_cpu", cpu/r.elapsed, "service", s.Name)
		}
	}
	p.procs = procs
}

// spent returns the CPU seconds a process used since the measurement before.
// One that started since then used all of its own; of one that is older and
// was not seen then, nothing is known.
func (p *Probe) spent(one process) (seconds float64, known bool) {
	before, seen := p.procs[one.procKey]
	if !seen && one.start/ticksPerSecond < p.uptime {
		return 0, false
	}
	return max(0, one.cpu-before), true
}

// tree returns a process and its living descendants.
func (p *Probe) tree(root process) []process {
	all, met := []process{root}, map[int]bool{root.pid: true}
	for i := 0; i < len(all); i++ {
		for _, pid := range p.children(all[i].pid) {
			if met[pid] || len(all) >= maxProcs {
				continue
			}
			met[pid] = true
			if child, ok := p.readProcess(pid); ok {
				all = append(all, child)
			}
		}
	}
	return all
}

// children returns the pids of a process's children, thread by thread as the
// kernel tells them.
func (p *Probe) children(pid int) (pids []int) {
	tasks := strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(p.opts.Proc + "/" + tasks)
	if err != nil {
		return nil // it has ended
	}
	for _, t := range threads {
		for field := range strings.FieldsSeq(string(p.readFile(tasks + "/" + t.Name() + "/children"))) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// readProcess reads /proc/PID/stat; false when there is no such process.
func (p *Probe) readProcess(pid int) (process, bool) {
	if pid <= 0 {
		return process{}, false
	}
	b := p.readFile(strconv.Itoa(pid) + "/stat")
	// The command may hold any byte, so fields are counted from its last bracket.
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return process{}, false
	}
	fields := strings.Fields(string(b[end+1:]))
	user, _ := number(fields, 11)
	system, _ := number(fields, 12)
	start, _ := number(fields, 19)
	pages, ok := number(fields, 21)
	if !ok {
		return process{}, false
	}
	return process{
		procKey: procKey{pid, start},
		zombie:  fields[0] == "Z" || fields[0] == "X",
		cpu:     (user + system) / ticksPerSecond,
		rss:     pages * float64(os.Getpagesize()),
	}, true
}
