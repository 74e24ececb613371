package plot

import "math"

// Ticks is round numbers from 0 upwards that cover highest: each is 1, 2 or 5
// times a power of ten apart, there are at most count+1 of them, and they are
// whole numbers. A highest below 1, an infinity and NaN count as 1.
func Ticks(highest float64, count int) []float64 {
	if !(highest >= 1) || math.IsInf(highest, 0) {
		highest = 1
	}
	count = max(count, 1)
	step := niceStep(highest / float64(count))
	n := int(math.Ceil(highest / step))
	ticks := make([]float64, n+1)
	for i := range ticks {
		ticks[i] = float64(i) * step
	}
	return ticks
}

// niceStep is the smallest of 1, 2, 5, 10, 20, 50 ... that is not below least.
func niceStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(max(least, 1))))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least {
			return m * power
		}
	}
	return 10 * power
}
