package keepalived

// Rewrite returns data with the programs of some keywords replaced. It calls
// repl in the order of the text for each script of a vrrp_script and each
// notify keyword of a vrrp_instance or vrrp_sync_group, with the keyword and
// the block's name. When ok, newValue takes the place of the command: Rewrite
// puts it in double quotes, so that it is a command line and must contain none
// itself, and no line end. The user and group behind a command stay.
//
// Every other byte is as it was, but for directives: the lines of definitions
// and of @NAME, ~SEQ and ~LST are those that they make, and an include is left
// out. Text that Read finds fault with is rewritten as far as it is understood.
func Rewrite(data []byte, repl func(keyword, blockName string) (newValue string, ok bool)) []byte {
	return RewriteFiles("", data, Files{}, Options{}, repl)
}

// RewriteFiles is Rewrite for a configuration of several files, of which data
// is the one at path. The result is one text that needs none of the others.
// What cannot be included is left out; ReadFiles says what.
func RewriteFiles(path string, data []byte, files Files, opts Options, repl func(keyword, blockName string) (newValue string, ok bool)) []byte {
	r := newReader(path, string(data), nil, files, opts)
	root := r.language[""]
	r.enclosing = []*block{root}
	var edits []edit
	r.tree.hold()
	for i := r.tree.after(none); i != none; i = r.tree.after(i) {
		s := r.tree.at(i)
		k := r.keywordOf(root, &s)
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
			from, to := line.words[1].at, line.words[len(line.words)-1].end()
			_, n, err := commandWord(r.src.slice(from, to))
			if err != nil {
				continue
			}
			if value, ok := repl(row.name, s.words[1].text); ok {
				edits = append(edits, edit{extent{from, from + pos(n)}, `"` + value + `"`})
			}
		}
	}
	return []byte(r.src.render(edits))
}
