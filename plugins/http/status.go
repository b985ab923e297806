package http

import (
	"errors"
	"strconv"
	"strings"
)

// codes are status codes that are right; a bit for each from 100 to 599.
type codes struct {
	set  [8]uint64
	text string
}

const firstCode, lastCode = 100, 599

func parseCodes(words []string) (codes, error) {
	if len(words) == 0 {
		words = []string{"200-299"}
	}
	c := codes{text: strings.Join(words, " ")}
	for _, word := range words {
		low, high, isRange := strings.Cut(word, "-")
		if !isRange {
			high = low
		}
		from, err := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err != nil || err2 != nil || from < firstCode || to > lastCode || from > to {
			return c, errors.New("status_code must be codes from 100 to 599 and ranges of them, such as 200-299 404")
		}
		for i := from - firstCode; i <= to-firstCode; i++ {
			c.set[i/64] |= 1 << (i % 64)
		}
	}
	return c, nil
}

func (c *codes) has(code int) bool {
	i := code - firstCode
	return code >= firstCode && code <= lastCode && c.set[i/64]>>(i%64)&1 != 0
}
