package flight

// Idle reports whether no call is running.
func (t *Table[K, R]) Idle() bool { return t.tracker.Running() == 0 }
