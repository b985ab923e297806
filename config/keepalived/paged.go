package keepalived

// paged is a list that grows without being copied, and keeps its room when it
// is cleared: a configuration may have a million of something.
type paged[T any] struct {
	pages [][]T
	n     int
}

// page is how many items of a paged list lie next to each other.
const page = 1024

func (p *paged[T]) len() int { return p.n }

func (p *paged[T]) at(i int) *T { return &p.pages[i/page][i%page] }

func (p *paged[T]) add(item T) {
	k := p.n / page
	if k == len(p.pages) {
		// The first page of most files is their only one.
		p.pages = append(p.pages, make([]T, 0, min(page, 8+k*page)))
	}
	p.pages[k] = append(p.pages[k], item)
	p.n++
}

// clear empties the list; what its items hold is let go when they are
// overwritten.
func (p *paged[T]) clear() {
	for i := range p.pages {
		p.pages[i] = p.pages[i][:0]
	}
	p.n = 0
}

// arena keeps lists of words next to each other, so that not each of them takes
// memory of its own.
type arena struct {
	blocks [][]token
	// at is the block that is being filled.
	at int
}

// wordBlock is how many words an arena makes room for at once, at the most.
const wordBlock = 4096

// keep returns a copy of words that stays until the arena is cleared.
func (a *arena) keep(words []token) []token {
	for ; a.at < len(a.blocks); a.at++ {
		if b := a.blocks[a.at]; cap(b)-len(b) >= len(words) {
			break
		}
	}
	if a.at == len(a.blocks) {
		a.blocks = append(a.blocks, make([]token, 0, max(len(words), min(wordBlock, 64<<a.at))))
	}
	b := append(a.blocks[a.at], words...)
	a.blocks[a.at] = b
	return b[len(b)-len(words) : len(b) : len(b)]
}

// clear forgets all words and keeps the room for others.
func (a *arena) clear() {
	for i := range a.blocks {
		a.blocks[i] = a.blocks[i][:0]
	}
	a.at = 0
}
