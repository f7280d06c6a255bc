package assert

import "fmt"

// didYouMean returns the hint for an unknown name: the nearest candidate within
// two typing mistakes, or "" when none is near.
func didYouMean(name string, candidates []string) string {
	best, distance := "", 3
	for _, c := range candidates {
		d := typos(name, c)
		if d < distance && 2*d <= min(len(name), len(c)) {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// typos counts the letters to insert, delete, replace, or swap with their
// neighbour to make b of a (optimal string alignment). Names that are too
// different in length count as 3.
func typos(a, b string) int {
	if len(a)-len(b) > 2 || len(b)-len(a) > 2 {
		return 3
	}
	var before []int // the row for a[:i-2]
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}
