package tcpproxy_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/tcpproxy"
)

// echo answers each line with itself until the test ends.
func echo(t *testing.T) (addr string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAProxyPassesHoldsCutsLosesAndMends(t *testing.T) {
	t.Parallel()
	p, err := tcpproxy.New(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(c net.Conn, line string) (string, error) {
		if _, err := io.WriteString(c, line+"\n"); err != nil {
			return "", err
		}
		return bufio.NewReader(c).ReadString('\n')
	}
	c := dial(t, p.Addr)
	if got, err := ask(c, "passed"); err != nil || got != "passed\n" {
		t.Errorf("at first: %q, %v", got, err)
	}

	p.Hold()
	answers := make(chan string, 1)
	go func() {
		got, _ := ask(c, "held")
		answers <- got
	}()
	select {
	case got := <-answers:
		t.Errorf("what is held was answered: %q", got)
	case <-time.After(50 * time.Millisecond): // it would wait for ever
	}
	p.Mend()
	if got := <-answers; got != "held\n" {
		t.Errorf("after it was held: %q", got)
	}

	p.Cut()
	if got, err := ask(c, "cut"); err == nil {
		t.Errorf("a connection that was cut answers %q", got)
	}
	if got, err := ask(dial(t, p.Addr), "refused"); err == nil {
		t.Errorf("a new connection answers %q", got)
	}
	p.Mend()
	if got, err := ask(dial(t, p.Addr), "again"); err != nil || got != "again\n" {
		t.Errorf("after it was mended: %q, %v", got, err)
	}

	p.LoseAnswers(true)
	if got, err := ask(dial(t, p.Addr), "lost"); err == nil {
		t.Errorf("an answer that was lost is %q", got)
	}
	p.LoseAnswers(false)

	late := dial(t, p.Addr)
	if _, err := ask(late, "there"); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if got, err := ask(late, "closed"); err == nil {
		t.Errorf("after Close: %q", got)
	}
}
