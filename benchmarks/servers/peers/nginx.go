package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// nginxProgram returns the path of nginx, which Debian does not put into everybody's
// PATH.
func nginxProgram() (string, error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("nginx is not installed: install the Debian package nginx (apt-get install nginx)")
}

// NginxInstalled says what to do if there is no nginx.
func NginxInstalled() error {
	_, err := nginxProgram()
	return err
}

// nginxConf is for the address to listen at, and that of the origin. All paths are in
// the folder that nginx is started with. Files that stay open, and are read instead of
// sent by sendfile, are what is fastest here.
const nginxConf = `
daemon off;
pid pid;
error_log log crit;
worker_processes 1;
events {}
http {
	access_log off;
	keepalive_requests 1000000000;
	open_file_cache max=100;
	client_body_temp_path client;
	fastcgi_temp_path fastcgi;
	proxy_temp_path proxy;
	scgi_temp_path scgi;
	uwsgi_temp_path uwsgi;
	proxy_cache_path cache keys_zone=pages:1m inactive=1h use_temp_path=off;
	server {
		listen %s;
		location = /pid { return 200 $pid; }
		location / {
			proxy_pass http://%s;
			proxy_cache pages;
			add_header X-Cache-Status $upstream_cache_status;
		}
	}
}
`

// startNginx starts nginx as a cache in front of an origin, with everything that it
// writes in a folder of its own, in memory where the system has a place for that.
func startNginx(r Responder, origin string) (Responder, error) {
	program, err := nginxProgram()
	if err != nil {
		return r, err
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	defer func() { _ = l.Close() }() // nginx has its own
	r.Addr = l.Addr().String()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		return r, err
	}
	defer func() { _ = socket.Close() }()
	in := "/dev/shm"
	if _, err := os.Stat(in); err != nil {
		in = ""
	}
	dir, err := os.MkdirTemp(in, "nginx-")
	if err != nil {
		return r, err
	}
	r.close = func() { _ = os.RemoveAll(dir) } // there is nobody to tell
	conf := fmt.Sprintf(nginxConf, r.Addr, origin)
	if os.Geteuid() == 0 { // else its worker is nobody, who may not write into the folder
		conf = "user root;" + conf
	}
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600); err != nil {
		return r, err
	}
	cmd := exec.CommandContext(context.Background(), program, "-p", dir, "-c", "conf", "-e", "log")
	// It takes over a socket that listens already, as it does when it replaces itself:
	// so nobody else can have the port, and requests wait until it is ready.
	cmd.ExtraFiles, cmd.Env = []*os.File{socket}, append(os.Environ(), "NGINX=3;")
	if err := cmd.Start(); err != nil {
		return r, err
	}
	r.close = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it ends its worker
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	_, _ = l.Close(), socket.Close() // so that nobody listens if nginx has failed
	if r.PID, err = workerOf(r.Addr); err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "log")) // nothing, if it did not come so far
		return r, fmt.Errorf("nginx does not answer: %w: %s", err, said)
	}
	return r, nil
}

// workerOf returns the process that answers at an address.
func workerOf(addr string) (pid int, _ error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/pid", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(b))
}
