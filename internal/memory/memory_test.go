package memory

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestLimitIsTheLeastThatIsKnown(t *testing.T) {
	t.Parallel()
	const none = int64(math.MaxInt64)
	const meminfo = "MemTotal:       24689764 kB\nMemFree:        20000000 kB\n"
	for _, tt := range []struct {
		name    string
		runtime int64
		files   map[string]string
		want    int64
	}{
		{"nothing is known", none, nil, Unknown},
		{"GOMEMLIMIT alone", 100 << 20, nil, 100 << 20},
		{"the machine", none, map[string]string{"proc/meminfo": meminfo}, 24689764 << 10},
		{"GOMEMLIMIT below the machine", 1 << 30, map[string]string{"proc/meminfo": meminfo}, 1 << 30},
		{"GOMEMLIMIT above the machine", 1 << 40, map[string]string{"proc/meminfo": meminfo}, 24689764 << 10},
		{"no memory limit in version 2", none, map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n",
		}, 24689764 << 10},
		{"version 2 in a container", none, map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n",
		}, 512 << 20},
		{"version 2, a service in a slice that has less", none, map[string]string{
			"proc/self/cgroup": "0::/system.slice/app.service\n",
			"sys/fs/cgroup/system.slice/app.service/memory.max":    "2147483648\n",
			"sys/fs/cgroup/system.slice/memory.max":                "1073741824\n",
			"sys/fs/cgroup/system.slice/other.service/memory.max":  "1048576\n",
			"sys/fs/cgroup/system.slice/app.service/deeper/memory": "1\n",
		}, 1 << 30},
		{"version 2, what throttles is less", none, map[string]string{
			"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n", "sys/fs/cgroup/a/memory.high": "268435456\n",
		}, 256 << 20},
		{"version 2, named from outside the container", none, map[string]string{
			"proc/self/cgroup": "0::/kubepods/pod1/abc\n", "sys/fs/cgroup/memory.max": "536870912\n",
		}, 512 << 20},
		{"version 1", none, map[string]string{
			"proc/meminfo":     meminfo,
			"proc/self/cgroup": "12:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n1:name=systemd:/docker/1\n",
			"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "104857600\n",
		}, 100 << 20},
		{"version 1 without a limit", none, map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 24689764 << 10},
		{"version 1, named from outside, with other controllers", none, map[string]string{
			"proc/self/cgroup": "4:cpu,memory:/docker/1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "104857600\n",
		}, 100 << 20},
		{"both", none, map[string]string{
			"proc/self/cgroup": "4:memory:/a\n0::/b\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "209715200\n",
			"sys/fs/cgroup/unified/b/memory.max": "104857600\n",
		}, 100 << 20},
		{"nonsense", none, map[string]string{
			"proc/meminfo": "MemTotal: lots\n", "proc/self/cgroup": "memory\n0::\n:::\n", "sys/fs/cgroup/memory.max": "-7\n",
		}, Unknown},
	} {
		root := fstest.MapFS{}
		for name, text := range tt.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := least(tt.runtime, root); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", tt.name, got, tt.want)
		}
	}
}

func TestLimitHere(t *testing.T) {
	t.Parallel()
	if n := Limit(); n < 1<<20 {
		t.Errorf("this process may use %d bytes", n)
	}
}
