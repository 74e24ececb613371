package workloads

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
)

// manyConnections is how many clients there are where there are many.
const manyConnections = 32

// Loopback is a page of 4 KiB that a cache has, over connections that stay: what a
// client waits for it, and what its server works for it. Each server is a process with
// one processor. A figure is of so many requests.
func Loopback(requests int) []bench.Workload {
	hit := func(name string, connections int, figure func(responder, int) (float64, error)) bench.Workload {
		return bench.Workload{Group: "loopback", Name: name, Reference: peers.EchoAlone, Unit: "µs", Prepare: func() (rows []bench.Row, _ error) {
			m := &meter{figure: figure, requests: max(requests/turns, connections)}
			all, err := peers.Responders()
			for i, r := range all {
				own := responder{Responder: r}
				if err == nil {
					own.clients, err = connected(r, connections)
				}
				m.all = append(m.all, own)
				rows = append(rows, bench.Row{Peer: r.Name, Note: r.Note, Close: own.close, Figure: func() (float64, error) { return m.of(i) }, Check: func() error {
					figure, err := m.of(i)
					if err == nil && figure <= 0 {
						err = fmt.Errorf("the figure is %v", figure)
					}
					return err
				}})
			}
			return rows, err
		}}
	}
	return []bench.Workload{
		hit("a hit of 4 KiB, one connection: from request to response", 1, elapsed),
		hit(fmt.Sprintf("a hit of 4 KiB, %d connections at once: time for each", manyConnections), manyConnections, elapsed),
		hit("a hit of 4 KiB, one connection: CPU time of the server", 1, cpuPerRequest),
		hit(fmt.Sprintf("a hit of 4 KiB, %d connections at once: CPU time of the server", manyConnections), manyConnections, cpuPerRequest),
	}
}

// responder is one with clients.
type responder struct {
	peers.Responder
	clients []*client
}

func (r responder) close() {
	for _, c := range r.clients {
		_ = c.conn.Close() // of which nothing is wanted any more
	}
	r.Close()
}

// connected returns clients of r, which has the page when it returns.
func connected(r peers.Responder, connections int) (clients []*client, _ error) {
	for range connections {
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.Addr)
		if err != nil {
			return clients, err
		}
		clients = append(clients, &client{conn: conn, r: bufio.NewReaderSize(conn, 8<<10), hit: r.Hit})
	}
	if err := warm(clients[0]); err != nil {
		return clients, fmt.Errorf("%s: %w", r.Name, err)
	}
	return clients, nil
}

// turns is how often each row has its turn for one figure, which is the median.
const turns = 20

// meter measures all rows of a workload, for a moment each: what slows the machine down
// for longer concerns all of them.
type meter struct {
	figure   func(responder, int) (float64, error)
	requests int // of a turn
	all      []responder
	results  map[int]result // those that have not been asked for
}

type result struct {
	figure float64
	err    error
}

// of returns the figure of a row. It measures all rows if it has been asked for this one
// since.
func (m *meter) of(row int) (float64, error) {
	if _, ok := m.results[row]; !ok {
		m.measure()
	}
	r := m.results[row]
	delete(m.results, row)
	return r.figure, r.err
}

func (m *meter) measure() {
	figures, errs := make([][]float64, len(m.all)), make([]error, len(m.all))
	for range turns {
		for i, r := range m.all {
			if errs[i] != nil {
				continue
			}
			var figure float64
			figure, errs[i] = m.figure(r, m.requests)
			figures[i] = append(figures[i], figure)
		}
	}
	m.results = make(map[int]result)
	for i := range m.all {
		m.results[i] = result{bench.Median(figures[i]), errs[i]}
	}
}

// warm has the page made and kept. A client can have its response before the cache
// has.
func warm(c *client) error {
	for start := time.Now(); ; {
		if err := ask([]*client{c}, 1); !errors.Is(err, errNotHit) || time.Since(start) > atOnce {
			return err
		}
	}
}

// elapsed is how long a request takes.
func elapsed(r responder, requests int) (float64, error) {
	start := time.Now()
	err := ask(r.clients, requests)
	return perRequest(time.Since(start), requests), err
}

// cpuPerRequest returns the CPU time of the server for one request.
func cpuPerRequest(r responder, requests int) (float64, error) {
	before, err1 := cpuTime(r.PID)
	err2 := ask(r.clients, requests)
	after, err3 := cpuTime(r.PID)
	return perRequest(after-before, requests), errors.Join(err1, err2, err3)
}

func perRequest(d time.Duration, requests int) float64 {
	return float64(d) / float64(time.Microsecond) / float64(requests)
}

// cpuTime is the CPU time that a process has used, as Linux counts it for each of its
// threads. A thread that has ended is not counted; servers keep theirs.
func cpuTime(pid int) (sum time.Duration, _ error) {
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(paths) == 0 {
		return 0, fmt.Errorf("the CPU time of process %d is not known: it takes Linux with /proc/PID/task/*/schedstat", pid)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// ask sends so many requests, each client its part, one after the other.
func ask(clients []*client, requests int) error {
	errs := make([]error, len(clients))
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			_ = c.conn.SetDeadline(time.Now().Add(patience)) // else a read fails
			for n := i; n < requests && errs[i] == nil; n += len(clients) {
				errs[i] = c.get()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// client is one connection that stays. It does as little as there can be beside what
// the server does: a client of net/http takes longer than the servers.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	hit  string // how a line of the headers begins that all responses have
}

var request = []byte("GET /page HTTP/1.1\r\nHost: example.com\r\nAccept: text/html\r\nAccept-Language: en\r\nUser-Agent: benchmarks\r\n\r\n")

var errNotHit = errors.New("the response is not from the cache")

// get requests the page, and says what is wrong with the response.
func (c *client) get() error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("the response begins with %q", line)
	}
	length, hit := 0, c.hit == ""
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return err
		}
		if line = bytes.TrimSuffix(line, []byte("\r\n")); len(line) == 0 {
			break
		}
		hit = hit || bytes.HasPrefix(line, []byte(c.hit))
		if text, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(text)); err != nil {
				return err
			}
		}
	}
	if length != len(peers.Page) {
		return fmt.Errorf("the response has %d bytes, want %d", length, len(peers.Page))
	}
	body, err := c.r.Peek(length)
	if err != nil {
		return fmt.Errorf("the body: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	if !bytes.Equal(body, peers.Page) {
		return errors.New("the response is not the page")
	}
	if _, err := c.r.Discard(length); err != nil {
		return err
	}
	if !hit {
		return fmt.Errorf("%w: it has no line %q", errNotHit, c.hit)
	}
	return nil
}
