package config

import "strings"

// Nearest returns the candidate that word is most likely meant to be, or ""
// when none is near. A candidate counts when at most a third of it was
// mistyped, three characters at the utmost. One of less than three characters is
// near to anything: it counts in capitals or small letters, or, of two, when the
// word begins with it. The first of
// equals wins.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", 0
	for _, c := range candidates {
		if len(c) < 3 && !strings.EqualFold(word, c) && (len(c) < 2 || !strings.HasPrefix(word, c)) {
			continue
		}
		limit := min(3, max(1, len(c)/3))
		if d := distance(word, c, limit); d <= limit && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete, substitute or swap with a
// neighbour to turn a into b (optimal string alignment). It gives up early,
// with a number above limit, when the lengths alone say so.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	// rows[i%3][j] is the distance between a[:i] and b[:j].
	var rows [3][]int
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above := rows[i%3], rows[(i-1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], rows[(i-2)%3][j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}
