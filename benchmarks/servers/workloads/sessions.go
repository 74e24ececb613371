package workloads

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/benchmarks/bench"
	others "github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
)

// Sessions is a request of a visitor whose session has seven keys and is in a Redis
// server, through echo: of one visitor, of one of 10,000, and the server's memory of
// those.
func Sessions(visitors int) []bench.Workload {
	return []bench.Workload{
		sessionWorkload("session: read one of seven keys", "/user", 0),
		sessionWorkload("session: read, update, save one of seven keys", "/visit", 0),
		sessionWorkload("session: read one of seven keys, of one of 10,000", "/user", visitors),
		{
			Group: "servers", Name: "session: the server's memory", Unit: "B/session", Reference: peers.Ours, Once: true,
			Prepare: func() (rows []bench.Row, _ error) {
				for _, lib := range peers.SessionLibraries() {
					rows = append(rows, bench.Row{Peer: lib.Name, Figure: func() (float64, error) { return memoryOf(lib, visitors) }})
				}
				return rows, nil
			},
		},
	}
}

// sessionWorkload has so many more visitors, and asks as one of them at random.
func sessionWorkload(name, path string, more int) bench.Workload {
	return bench.Workload{Group: "servers", Name: name, Reference: peers.Ours, Elapsed: true, Prepare: withServer(func(addr string) (rows []bench.Row, _ error) {
		for _, lib := range peers.SessionLibraries() {
			opened, err := lib.Open(addr)
			if err != nil {
				return rows, fmt.Errorf("%s: %w", lib.Name, err)
			}
			row := bench.Row{Peer: lib.Name, Note: lib.Lacks, Close: opened.Close}
			site, err := others.NewSite(opened)
			if err != nil {
				return append(rows, row), fmt.Errorf("%s: %w", lib.Name, err)
			}
			cookies, err := newcomers(site, more)
			if err != nil {
				return append(rows, row), fmt.Errorf("%s: %w", lib.Name, err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			row.Op = func(int) error {
				if len(cookies) > 0 {
					site.As(cookies[random.IntN(len(cookies))])
				}
				return site.Get(path)
			}
			row.Check = site.Check
			rows = append(rows, row)
		}
		return rows, nil
	})}
}

func newcomers(site *others.Site, n int) ([]string, error) {
	cookies := make([]string, n)
	for i := range cookies {
		var err error
		if cookies[i], err = site.Newcomer(); err != nil {
			return nil, err
		}
	}
	return cookies, nil
}

// memoryOf is how many bytes the server needs for a session, of many.
func memoryOf(lib peers.SessionLibrary, visitors int) (bytes float64, err error) {
	rows, err := withServer(func(addr string) ([]bench.Row, error) {
		opened, err := lib.Open(addr)
		if err != nil {
			return nil, err
		}
		row := bench.Row{Close: opened.Close}
		site, err := others.NewSite(opened)
		if err != nil {
			return []bench.Row{row}, err
		}
		before, err := usedMemory(addr)
		if err != nil {
			return []bench.Row{row}, err
		}
		if _, err := newcomers(site, visitors); err != nil {
			return []bench.Row{row}, err
		}
		after, err := usedMemory(addr)
		bytes = (after - before) / float64(visitors)
		return []bench.Row{row}, err
	})()
	bench.Close(rows)
	return bytes, err
}

// usedMemory asks the server for the bytes that its data takes.
func usedMemory(addr string) (float64, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		return 0, err
	}
	defer client.Close()
	info, err := client.Do(context.Background(), client.B().Info().Section("memory").Build()).ToString()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(info) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory_dataset:"); ok {
			return strconv.ParseFloat(n, 64)
		}
	}
	return 0, fmt.Errorf("the server says nothing about its memory: %q", info)
}
