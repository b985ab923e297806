package http

import (
	"context"
	"crypto/md5"
	"errors"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// Page is what a server answered.
type Page struct {
	Status int
	// Length is that of the body in bytes, and MD5 its sum.
	Length int64
	MD5    [md5.Size]byte
}

// Fetch asks for the first URL of a check's options, whatever its status, and
// says what came. Details are those of a probe.
func (c *Checker) Fetch(ctx context.Context, t checker.Target, o checker.Options) (Page, []checker.Detail, error) {
	prepared, err := c.Prepare(t, o)
	if err != nil {
		return Page{}, nil, err
	}
	p, ok := prepared.(*probe)
	if !ok { // there is nothing to connect to
		return Page{}, nil, errors.New(prepared.Probe(ctx).Message)
	}
	defer p.Close()
	p.plans = p.plans[:1]
	var page Page
	p.plans[0].page = &page
	r := p.Probe(ctx)
	if r.Verdict != checker.OK {
		return page, r.Details, errors.New(r.Message)
	}
	return page, r.Details, nil
}
