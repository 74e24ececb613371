// Package tcpproxy passes TCP connections on to a server, and cuts, holds or delays
// them: for tests and benchmarks of what a broken network does.
package tcpproxy

import (
	"context"
	"net"
	"sync"
	"time"
)

// Proxy is a listener of its own that passes bytes on. All methods are safe for
// concurrent use.
type Proxy struct {
	Addr string // host and port

	to string
	l  net.Listener
	wg sync.WaitGroup

	mu    sync.Mutex
	open  map[net.Conn]bool
	cut   bool
	lost  bool          // answers are lost
	held  chan struct{} // closed when what is held goes on; nil: nothing is
	delay time.Duration
}

// New starts a proxy for the server at this address. The caller closes it.
func New(to string) (*Proxy, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Addr: l.Addr().String(), to: to, l: l, open: make(map[net.Conn]bool)}
	p.wg.Go(p.accept)
	return p, nil
}

func (p *Proxy) accept() {
	for {
		in, err := p.l.Accept()
		if err != nil {
			return // closed
		}
		out, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		if !p.keep(in, out) {
			continue
		}
		p.wg.Go(func() { p.pass(out, in, false) })
		p.wg.Go(func() { p.pass(in, out, true) })
	}
}

// keep notes both ends of a connection, unless there are to be none.
func (p *Proxy) keep(in, out net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		_, _ = in.Close(), out.Close()
		return false
	}
	p.open[in], p.open[out] = true, true
	return true
}

// pass copies, what the server answers or what it is asked, until one of the two ends.
func (p *Proxy) pass(to, from net.Conn, answers bool) {
	defer func() {
		_, _ = to.Close(), from.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, to)
		delete(p.open, from)
	}()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if lost := p.wait(); lost && answers {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// wait waits for as long as what has been read is to be kept back, and reports whether
// it is lost if it is an answer.
func (p *Proxy) wait() (lost bool) {
	p.mu.Lock()
	held, delay := p.held, p.delay
	lost = p.lost
	p.mu.Unlock()
	if held != nil {
		<-held
	}
	if delay > 0 {
		time.Sleep(delay)
	}
	return lost
}

// Delay holds what is passed on from now on for so long, in each direction.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Cut ends all connections, and refuses new ones until [Proxy.Mend].
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.open {
		_ = c.Close()
	}
}

// LoseAnswers has each connection end before the next answer of the server, which
// has done what it was asked, as long as lost is set.
func (p *Proxy) LoseAnswers(lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = lost
}

// Hold passes nothing on, without a word, as a network does that loses everything,
// until [Proxy.Mend].
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(chan struct{})
	}
}

// Mend lets everything through again, what was held first.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// Close ends the proxy and all connections, and waits for its goroutines.
func (p *Proxy) Close() error {
	err := p.l.Close()
	p.Mend()
	p.Cut()
	p.wg.Wait()
	return err
}
