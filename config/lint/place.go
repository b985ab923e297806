package lint

import (
	"iter"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// place is where an instance wrote a key, else where it begins. Keys have
// their native names.
func place(in *config.Instance, key string) config.Position { return in.Written.At(key, in.At) }

// addresses returns all virtual addresses of an instance, the excluded ones
// last.
func addresses(in *config.Instance) iter.Seq[*config.Address] {
	return func(yield func(*config.Address) bool) {
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// mostOfAName is how many findings of one name are given for one file: a
// mistake in a template is made in everything that the template makes.
const mostOfAName = 50

// settle orders findings by place and leaves out what repeats: of several
// with one name at one place (a line that stands for many instances) all but
// the first two, and of one name in one file all but the first 50. The last
// that stays says how many are gone.
func settle(found config.Findings) config.Findings {
	found.Sort()
	type spot struct {
		at   config.Spot
		name string
	}
	type tally struct{ given, last, more int }
	spots, files := make(map[spot]*tally), make(map[spot]*tally)
	kept := found[:0]
	for _, f := range found {
		here := tallied(spots, spot{f.At.Spot(), f.Name})
		there := tallied(files, spot{config.Spot{File: f.At.File()}, f.Name})
		switch {
		case here.given == 2:
			here.more++
			continue
		case there.given == mostOfAName:
			there.more++
			continue
		}
		here.given++
		there.given++
		here.last, there.last = len(kept), len(kept)
		kept = append(kept, f)
	}
	for _, t := range spots {
		if t.more > 0 {
			kept[t.last].Text += "; and " + strconv.Itoa(t.more) + " more at this place"
		}
	}
	for _, t := range files {
		if t.more > 0 {
			kept[t.last].Text += "; and " + strconv.Itoa(t.more) + " more of this name in the file"
		}
	}
	return kept
}

func tallied[K comparable, V any](m map[K]*V, k K) *V {
	t := m[k]
	if t == nil {
		t = new(V)
		m[k] = t
	}
	return t
}

// list joins words, the first four of them.
func list(words []string) string {
	const most = 4
	if len(words) > most {
		return strings.Join(words[:most], ", ") + " and " + strconv.Itoa(len(words)-most) + " more"
	}
	return strings.Join(words, ", ")
}
