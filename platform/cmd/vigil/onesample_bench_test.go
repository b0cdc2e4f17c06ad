package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkPeer_OneSample posts one sample a request over 64 connections for some
// seconds; each answer stands for an fsync. Client and server share the machine,
// so that the requests a second are fewer than the server alone could take; what
// it pays for one is said, too.
func BenchmarkPeer_OneSample(b *testing.B) {
	const connections, long = 64, 10 * time.Second
	v := openVigil(b)
	defer v.stop(b)
	before, begin := processorTime(b, v.pid), time.Now()
	acks := make([][]time.Duration, connections)
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			var err error
			if acks[i], err = hammer(strings.TrimPrefix(v.url, "http://"), i, begin.Add(long)); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	together := slices.Concat(acks...)
	if len(together) == 0 {
		b.Fatal("nothing was acknowledged")
	}
	b.ReportMetric(float64(len(together))/took.Seconds(), "req/s")
	b.ReportMetric(float64((processorTime(b, v.pid)-before).Microseconds())/float64(len(together)), "cpu-us/req")
	report(b, together, 50, "ack-p50-ms")
	report(b, together, 99, "ack-p99-ms")
}

// hammer sends one request after the other until a time, with as little work of
// its own as HTTP allows.
func hammer(addr string, host int, until time.Time) (acks []time.Duration, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	body := fmt.Sprintf(`{"name":"cpu_usage_percent","value":12.5,"labels":{"host":"web-%d"}}`, host)
	request := fmt.Appendf(nil, "POST /ingest HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", addr, len(body), body)
	answers := bufio.NewReader(conn)
	for now := time.Now(); now.Before(until); {
		if _, err := conn.Write(request); err != nil {
			return acks, err
		}
		if err := okReceived(answers); err != nil {
			return acks, err
		}
		then := now
		now = time.Now()
		acks = append(acks, now.Sub(then))
	}
	return acks, nil
}

// okReceived reads an answer, which must be 200.
func okReceived(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return errors.New("answered: " + string(status))
	}
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err = io.CopyN(io.Discard, r, int64(length))
	return err
}
