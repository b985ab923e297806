package bfd

// Random is a source of numbers that repeats itself for the same seed, so that
// a recorded run can be played again. Its zero value is a seed like any other.
type Random uint64

// Uint32 returns the next number. It is SplitMix64 (Steele, Lea and Flood,
// 2014), of which it takes the upper half.
func (r *Random) Uint32() uint32 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return uint32((z ^ z>>31) >> 32)
}
