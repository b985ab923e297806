package http

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/http/pattern"
)

// content is a body as judge reads it.
type content interface {
	io.Reader
	// count is how many bytes were read.
	count() int64
}

func (b *body) count() int64 { return b.n }

// judge reads the body of an answer to its end and says what the answer is
// worth. raw, when set, has the sum of the body with its chunks around it.
func (p *plan) judge(status int, location string, c content, raw hash.Hash, scratch []byte) checker.Result {
	if !p.codes.has(status) {
		message := "status " + strconv.Itoa(status)
		if location != "" && status/100 == 3 {
			message += " to " + short(location)
		}
		return failed(message + ", expected " + p.codes.text)
	}
	text := io.Reader(c)
	var sum hash.Hash
	if p.digest != nil || p.page != nil {
		sum = md5.New()
		text = io.TeeReader(c, sum)
	}
	wrong, err := p.inspect(text)
	if err == pattern.ErrTime {
		r := failed("regex: " + err.Error())
		r.TimedOut = true
		return r
	}
	if err == nil {
		err = drain(text, scratch)
	}
	if err != nil {
		return broken(err, c.count())
	}
	if p.page != nil {
		*p.page = Page{Status: status, Length: c.count(), MD5: [md5.Size]byte(sum.Sum(nil))}
	}
	if p.digest != nil {
		got := sum.Sum(nil)
		if !bytes.Equal(got, p.digest) && (raw == nil || !bytes.Equal(raw.Sum(nil), p.digest)) {
			return failed(fmt.Sprintf("the body's MD5 sum is %x, expected %x", got, p.digest))
		}
	}
	if wrong != "" {
		return failed(wrong)
	}
	return checker.Result{Verdict: checker.OK, Message: "status " + strconv.Itoa(status)}
}

// inspect looks for what the body must hold, and says what is wrong.
func (p *plan) inspect(text io.Reader) (string, error) {
	if p.json != nil && p.regex != nil {
		// Both look at the same text, which is no longer than JSON may be.
		all, err := io.ReadAll(io.LimitReader(text, maxJSON+1))
		if err != nil {
			return "", err
		}
		if wrong, err := p.json.check(bytes.NewReader(all)); wrong != "" || err != nil {
			return wrong, err
		}
		return p.match(bytes.NewReader(all))
	}
	if p.json != nil {
		return p.json.check(text)
	}
	if p.regex != nil {
		return p.match(text)
	}
	return "", nil
}

func (p *plan) match(text io.Reader) (string, error) {
	found, err := p.regex.Match(text)
	switch {
	case err == pattern.ErrWindow && !p.noMatch:
		return "regex: " + err.Error(), nil
	case err == pattern.ErrWindow:
		return "regex_no_match: " + err.Error() + ", and the body goes on", nil
	case err != nil:
		return "", err
	case !found && !p.noMatch:
		return "the body does not match the regex", nil
	case found && p.noMatch:
		return "the body matches the regex, and must not", nil
	}
	return "", nil
}

// drain reads to the end.
func drain(text io.Reader, scratch []byte) error {
	for {
		switch _, err := text.Read(scratch); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

func failed(message string) checker.Result {
	return checker.Result{Verdict: checker.Failed, Message: message}
}

// broken is an answer that did not come to its end.
func broken(err error, n int64) checker.Result {
	var invalid errInvalid
	var short errShort
	switch {
	case errors.As(err, &invalid), errors.As(err, &short), err == errEmpty:
		return failed(err.Error())
	case n > 0:
		return checker.Failure(err, "after "+strconv.FormatInt(n, 10)+" bytes of the body")
	}
	return checker.Failure(err, "read the answer")
}
