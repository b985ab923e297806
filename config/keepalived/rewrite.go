package keepalived

import "strings"

// Rewrite returns data with the programs of some keywords replaced and every
// other byte as it was. It calls repl in the order of the text for each
// script of a vrrp_script and each notify keyword of a vrrp_instance or
// vrrp_sync_group, with the keyword and the block's name. When ok, newValue
// takes the place of the command: Rewrite puts it in double quotes, so that it
// is a command line and must contain none itself, and no line end. The user
// and group behind a command stay.
//
// Text that Read finds fault with is rewritten as far as it is understood.
func Rewrite(data []byte, repl func(keyword, blockName string) (newValue string, ok bool)) []byte {
	f := newFile("", string(data), 0)
	out := &report{file: f, perName: map[string]int{}}
	r := newReader(f, out)
	root := r.language[""]
	r.enclosing = []*block{root}
	var b strings.Builder
	copied := 0
	for s := range r.tree.chain(r.tree.first) {
		k := r.keywordOf(root, &s, true)
		if k == nil || !k.named || k.body == "" || len(s.words) < 2 {
			continue
		}
		for line := range r.tree.chain(s.child) {
			if len(line.words) < 2 {
				continue
			}
			row := r.language[k.body].find(line.words[0].text)
			if row == nil || !row.command {
				continue
			}
			from := int(line.words[1].at)
			to := int(line.words[len(line.words)-1].end())
			_, n, err := commandWord(f.text[from:to])
			if err != nil {
				continue
			}
			value, ok := repl(row.name, s.words[1].text)
			if !ok {
				continue
			}
			b.WriteString(f.text[copied:from])
			b.WriteString(`"` + value + `"`)
			copied = from + n
		}
	}
	b.WriteString(f.text[copied:])
	return []byte(b.String())
}
