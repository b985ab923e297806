//go:build linux

package ipvs

// topic is what can be wrong by itself: that one is right again says nothing of
// the others. Of several the first is shown.
type topic int

const (
	opening topic = iota
	beginning
	limiting
	changing
	looking
	synchronising
	writing
	topics
)

// trouble is what is wrong with a topic.
type trouble struct {
	text string // empty when nothing is
	// told are failures that people know of.
	told map[string]bool
}

// maxTold is how many different failures of a topic are told at a time: a table
// that is full refuses thousands.
const maxTold = 10

// trouble tells people, once for each text until the topic is fine again. The
// first of several is that which is shown. Without errors it does nothing.
func (w *keeping) trouble(of topic, errs ...error) {
	if len(errs) == 0 {
		return
	}
	t := &w.troubles[of]
	t.text = errs[0].Error()
	w.show()
	for i, err := range errs {
		text := err.Error()
		switch {
		case t.told[text]:
			continue
		case len(t.told) < maxTold:
			w.k.o.Log.Error("IPVS", "err", text)
		case len(t.told) == maxTold:
			w.k.o.Log.Error("IPVS: there are further failures", "now", len(errs)-i)
		default:
			return
		}
		if t.told == nil {
			t.told = map[string]bool{}
		}
		t.told[text] = true
	}
}

// fine forgets the trouble of a topic.
func (w *keeping) fine(of topic) {
	if w.troubles[of].text == "" {
		return
	}
	w.troubles[of] = trouble{}
	if w.show() {
		w.k.o.Log.Info("the IPVS table is as it should be again")
	}
}

// show has Counts say what is wrong, and reports whether nothing is.
func (w *keeping) show() bool {
	text := ""
	for i := range w.troubles {
		if text = w.troubles[i].text; text != "" {
			break
		}
	}
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	w.k.counts.Trouble = text
	return text == ""
}
