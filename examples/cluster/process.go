package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A process is a node that runs. It ends when its input does, so that none is left
// when the program that has started it is killed.
type process struct {
	cmd   *exec.Cmd
	input io.Closer
	addr  string
}

// startProcess starts this program as a node and returns when it listens.
func startProcess(args []string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), self, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, input: in}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.end()
		return nil, fmt.Errorf("the process ended before it listened: %w", err)
	}
	p.addr = strings.TrimSpace(line)
	return p, nil
}

// end asks the process to end, and kills it if it does not.
func (p *process) end() {
	_ = p.input.Close()
	late := time.AfterFunc(15*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.cmd.Wait() // what it had to say is on stderr
}
