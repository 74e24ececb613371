package cachedata

// Queued returns how many entries wait to expire.
func (c *Cache[K, V]) Queued() int {
	if c.words != nil {
		return c.words.queued()
	}
	return c.texts.queued()
}

func (t *table[I, K, V]) queued() int {
	x := &t.era.Load().expiry
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.queue)
}

// HitStripes returns how many of the stripes of the hit counter were used.
func (c *Cache[K, V]) HitStripes() int {
	n := 0
	for i := range c.counters.hits {
		if c.counters.hits[i].n.Load() > 0 {
			n++
		}
	}
	return n
}
