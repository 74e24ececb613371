package flight

// Idle reports whether no call is running.
func (t *Table) Idle() bool { return t.tracker.Running() == 0 }

// Empty reports whether no key has a call.
func (t *Table) Empty() bool {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n := len(s.calls)
		s.mu.Unlock()
		if n > 0 {
			return false
		}
	}
	return true
}
