package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A server that cannot be trusted may not make this process large: no value may
// be longer than this, no list have more items, and none be deeper.
const (
	maxValue = 64 << 10
	maxItems = 1024
	maxDepth = 8
)

// ask sends a command and reads its answer (RESP, the protocol of Redis).
func ask(w io.Writer, r *bufio.Reader, words ...string) (any, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return nil, err
	}
	return read(r, 0)
}

// read reads a value: a string, an int64, nil or a list. An error of the
// server is an error.
func read(r *bufio.Reader, depth int) (any, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	text := strings.TrimRight(string(line), "\r\n")
	if text == "" || depth > maxDepth {
		return nil, errors.New("the answer is no RESP")
	}
	rest := text[1:]
	switch text[0] {
	case '+':
		return rest, nil
	case '-':
		return nil, fmt.Errorf("the server says %q", rest)
	case ':':
		return strconv.ParseInt(rest, 10, 64)
	case '$':
		n, err := size(rest, maxValue)
		if err != nil || n < 0 {
			return nil, err
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		return string(b[:n]), nil
	case '*':
		n, err := size(rest, maxItems)
		if err != nil || n < 0 {
			return nil, err
		}
		list := make([]any, n)
		for i := range list {
			if list[i], err = read(r, depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("the answer is no RESP: %.20q", text)
}

// size reads a length; -1 is none.
func size(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < -1 || n > most {
		return 0, fmt.Errorf("the answer has the length %.20q", text)
	}
	return n, nil
}
