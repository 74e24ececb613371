package group_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/group"
)

func TestTasksAreWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c group.Tasks
		if left := c.Wait(t.Context()); left != 0 {
			t.Errorf("Wait() of no tasks = %d", left)
		}
		for i := range 3 {
			if !c.Begin() {
				t.Fatal("open tasks refuse")
			}
			time.AfterFunc(time.Duration(i+1)*time.Second, c.End)
		}
		if c.BeginOf(3) {
			t.Error("a fourth began beside three of three")
		}
		c.Close()
		if c.Begin() {
			t.Error("closed tasks do not refuse")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if left := c.Wait(ctx); left != 2 {
			t.Errorf("after one has ended, Wait() = %d, want 2", left)
		}
		start := time.Now()
		if left := c.Wait(t.Context()); left != 0 || time.Since(start) != 1500*time.Millisecond {
			t.Errorf("Wait() = %d after %v, want 0 when the last has ended", left, time.Since(start))
		}
	})
}

func ExampleTasks() {
	var running group.Tasks
	running.Begin()
	go func() {
		defer running.End()
	}()
	running.Close()
	fmt.Println(running.Wait(context.Background()), running.Begin())
	// Output: 0 false
}
