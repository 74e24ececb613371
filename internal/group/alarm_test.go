package group_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/group"
)

type sweeper struct {
	hooks  group.Hooks
	sweeps atomic.Int64
	last   atomic.Int64
}

func (m *sweeper) Name() string              { return "s" }
func (m *sweeper) Reset(context.Context) int { return 0 }
func (m *sweeper) Hooks() *group.Hooks       { return &m.hooks }
func (m *sweeper) Sweep(now int64) int64 {
	m.sweeps.Add(1)
	m.last.Store(now)
	return group.Never
}
func (m *sweeper) Close(context.Context) error { return nil }

var bubbleGroup = group.New("b", nil)

func TestArmedAcrossBubbles(t *testing.T) {
	m := &sweeper{}
	if err := bubbleGroup.Add(m); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		t.Log("inside", bubbleGroup.Now())
		bubbleGroup.Arm(bubbleGroup.Now() + int64(time.Second))
	})
	t.Log("outside", bubbleGroup.Now())
	bubbleGroup.Arm(bubbleGroup.Now() + int64(time.Second))
	for end := time.Now().Add(time.Minute); m.sweeps.Load() == 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		continue
	}
	if m.sweeps.Load() == 0 {
		t.Error("not swept outside after a use inside of a bubble")
	}
}
