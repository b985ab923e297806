package keepalived

// nearest returns the candidate that word is most likely meant to be, or "".
// A candidate counts when at most a third of it was mistyped, three
// characters at the utmost; the first of equals wins.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", 0
	for _, c := range candidates {
		limit := min(3, max(1, len(c)/3))
		if len(c) < 3 {
			continue
		}
		if d := distance(word, c, limit); d <= limit && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, substitutions and transpositions
// of neighbours that turn a into b (optimal string alignment), or returns
// something above limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
