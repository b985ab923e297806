package main

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// copied is a copy of lines that shares nothing with them.
func copied(lines []*randomLine) []*randomLine {
	var out []*randomLine
	for _, l := range lines {
		out = append(out, &randomLine{l.text, copied(l.block), l.braces})
	}
	return out
}

// edited is the configuration after somebody changed a few things.
func (z *randomizer) edited(lines []*randomLine) []*randomLine {
	lines = copied(lines)
	for range 1 + z.IntN(4) {
		var services []*randomLine
		for _, l := range lines {
			if strings.HasPrefix(l.text, "virtual_server ") {
				services = append(services, l)
			}
		}
		if len(services) == 0 {
			return append(lines, z.service())
		}
		at := services[z.IntN(len(services))]
		family, mark := "4", strings.Contains(at.text, "fwmark")
		if strings.Contains(at.text, "fd00") || slices.ContainsFunc(at.block, func(l *randomLine) bool { return strings.Contains(l.text, "fd00:2") }) {
			family = "6"
		}
		switch z.IntN(8) {
		case 0:
			lines = append(lines, z.service())
		case 1:
			lines = slices.DeleteFunc(lines, func(l *randomLine) bool { return l == at && len(services) > 1 })
		case 2, 3:
			at.block = append(at.block, z.server(family, mark))
		case 4, 5: // a line less; without those the checks would be slow
			if i := z.IntN(len(at.block)); !slices.Contains([]string{"delay_loop 1", "warmup 0", "connect_timeout 4", "delay_before_retry 1"}, at.block[i].text) {
				at.block = slices.Delete(at.block, i, i+1)
			}
		case 6:
			if servers := serversOf(at); len(servers) > 0 {
				s := servers[z.IntN(len(servers))]
				s.block = append(s.block, said("weight %d", z.IntN(9)))
			}
		default:
			if servers := serversOf(at); len(servers) > 0 {
				*servers[z.IntN(len(servers))] = *z.server(family, mark)
			}
		}
	}
	for _, l := range lines {
		if strings.HasPrefix(l.text, "virtual_server ") {
			l.block = unambiguous(l.block)
		}
	}
	apart(lines)
	return lines
}

func serversOf(service *randomLine) []*randomLine {
	return slices.DeleteFunc(slices.Clone(service.block), func(l *randomLine) bool { return !strings.HasPrefix(l.text, "real_server ") })
}

// form writes lines as a file, and those that it includes.
type form struct {
	*rand.Rand
	plain  bool
	indent string
	below  bool // the opening brace is on a line of its own
	head   strings.Builder
	files  map[string]string
	prefix string
}

// written are the files of a configuration by name; that of prefix.conf is the first.
func (s *randomSite) written(lines []*randomLine, prefix string) map[string]string {
	f := &form{Rand: rand.New(rand.NewPCG(s.seed, 11)), plain: s.plain, indent: "  ", files: map[string]string{}, prefix: prefix}
	if !s.plain {
		f.indent, f.below = []string{"", "  ", "\t", "    "}[f.IntN(4)], f.IntN(10) == 0
	}
	var b strings.Builder
	f.write(&b, lines, "")
	f.files[prefix+".conf"] = f.head.String() + b.String()
	if f.chance(4) { // as an editor of another system writes
		for name, text := range f.files {
			f.files[name] = strings.ReplaceAll(strings.ReplaceAll(text, "\r", ""), "\n", "\r\n")
		}
	}
	return f.files
}

func (f *form) chance(percent int) bool { return !f.plain && f.IntN(100) < percent }

var keyAndValue = regexp.MustCompile(`^[a-z_]+ [A-Za-z0-9.:]+$`)

func (f *form) write(b *strings.Builder, lines []*randomLine, indent string) {
	for _, l := range lines {
		if f.chance(4) {
			b.WriteString(indent + []string{"# a remark", "! another { one", "", "   ", "#", "@other weight 77", "@other frobnicate", "@^main protocol SCTP",
				"@other }", "@^main real_server 10.2.0.5 80 {", "@main", "\r"}[f.IntN(12)] + "\n")
		}
		if l.braces {
			f.writeBlock(b, l, indent)
			continue
		}
		b.WriteString(indent + f.manner(l.text) + "\n")
	}
}

// manner writes a line in another way that means the same.
func (f *form) manner(text string) string {
	if keyAndValue.MatchString(text) {
		key, value, _ := strings.Cut(text, " ")
		switch {
		case f.chance(3):
			name := fmt.Sprintf("V%d", len(f.files)+f.head.Len())
			f.head.WriteString("$" + name + "=" + value + "\n")
			text = key + " " + []string{"$" + name, "${" + name + "}"}[f.IntN(2)]
		case f.chance(3):
			text = key + ` "` + value + `"`
		case f.chance(3):
			text = key + "\t  " + value
		}
	}
	if f.chance(3) {
		text = []string{"@main ", "@^other "}[f.IntN(2)] + text
	}
	if f.chance(4) {
		text += []string{" # so", " ! or } so", "\t", "  #"}[f.IntN(4)]
	}
	return text
}

func (f *form) writeBlock(b *strings.Builder, l *randomLine, indent string) {
	top := strings.HasPrefix(l.text, "virtual_server") || strings.HasPrefix(l.text, "track_file")
	if !top && f.chance(4) { // a definition of several lines
		name := fmt.Sprintf("B%d", f.head.Len())
		var body strings.Builder
		(&form{plain: true, indent: " "}).write(&body, []*randomLine{l}, "")
		f.head.WriteString("$" + name + "= \\\n" + strings.ReplaceAll(strings.TrimSuffix(body.String(), "\n"), "\n", " \\\n") + "\n")
		b.WriteString(indent + "$" + name + "\n")
		return
	}
	var own strings.Builder
	into := b
	include := (top || strings.HasPrefix(l.text, "real_server")) && f.chance(6)
	if include {
		into = &own
	}
	open, title := " {\n", l.text
	if f.chance(3) {
		open = []string{"{\n", "\t{  # so\n", " { \n"}[f.IntN(3)]
	}
	if words := strings.Fields(title); f.chance(3) && len(words) == 3 {
		title = words[0] + ` "` + words[1] + `" ` + words[2]
	} else if at := strings.Index(title, "10."); at >= 0 && f.chance(5) { // a part of a word
		name := fmt.Sprintf("P%d", len(f.files)+f.head.Len())
		f.head.WriteString("$" + name + "=" + title[at:at+5] + "\n")
		title = title[:at] + "${" + name + "}" + title[at+5:]
	}
	if f.chance(3) {
		title = []string{"@main ", "@^other "}[f.IntN(2)] + title
	}
	if f.below {
		open = "\n" + indent + "{\n"
	}
	switch {
	case len(l.block) == 1 && !l.block[0].braces && !top && f.chance(30):
		into.WriteString(indent + title + " { " + l.block[0].text + " }\n")
	case len(l.block) == 0 && f.chance(60):
		into.WriteString(indent + title + []string{" {}\n", " { }\n", "{}\n"}[f.IntN(3)])
	default:
		into.WriteString(indent + title + open)
		f.write(into, l.block, indent+f.indent)
		end := "}\n"
		if f.chance(10) {
			end = []string{"} # so\n", "}\t\n"}[f.IntN(2)]
		}
		into.WriteString(indent + end)
	}
	if include {
		name := fmt.Sprintf("%s-part%d", f.prefix, len(f.files))
		f.files[name+".conf"] = own.String()
		b.WriteString(indent + "include " + name + []string{".conf", "*.conf", "*"}[f.IntN(3)] + "\n")
	}
}

// text is the whole of a site in one, for people.
func (s *randomSite) text() string {
	var b strings.Builder
	show := func(lines []*randomLine, prefix string) {
		files := s.written(lines, prefix)
		var names []string
		for name := range files {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(&b, "--- %s\n%s", name, files[name])
		}
	}
	show(s.lines, "site")
	for i, step := range s.steps {
		if step.reload != nil {
			fmt.Fprintf(&b, "--- step %d: reload\n", i+1)
			show(step.reload, fmt.Sprintf("reload%d", i+1))
			continue
		}
		fmt.Fprintf(&b, "--- step %d: down %v, up %v, codes %v, files %v\n", i+1, step.down, step.up, step.codes, step.files)
	}
	return b.String()
}

// lesser are sites that lack one thing of s each, the largest first.
func (s *randomSite) lesser() (all []*randomSite) {
	variant := func(change func(*randomSite)) {
		v := &randomSite{seed: s.seed, plain: s.plain, lines: copied(s.lines)}
		for _, step := range s.steps {
			if step.reload != nil {
				step.reload = copied(step.reload)
			}
			v.steps = append(v.steps, step)
		}
		change(v)
		all = append(all, v)
	}
	if !s.plain {
		variant(func(v *randomSite) { v.plain = true })
	}
	for i := range s.steps {
		variant(func(v *randomSite) { v.steps = slices.Delete(v.steps, i, i+1) })
	}
	depth := 0
	for paths := pathsOf(s.lines, nil); depth < 4; depth++ {
		for _, path := range paths {
			if len(path) == depth+1 {
				variant(func(v *randomSite) { v.lines = without(v.lines, path) })
			}
		}
		for i := range s.steps {
			for _, path := range pathsOf(s.steps[i].reload, nil) {
				if len(path) == depth+1 {
					variant(func(v *randomSite) { v.steps[i].reload = without(v.steps[i].reload, path) })
				}
			}
		}
	}
	return all
}

// pathsOf are the ways to all lines.
func pathsOf(lines []*randomLine, before []int) (paths [][]int) {
	for i, l := range lines {
		path := append(slices.Clone(before), i)
		paths = append(append(paths, path), pathsOf(l.block, path)...)
	}
	return paths
}

func without(lines []*randomLine, path []int) []*randomLine {
	if len(path) == 1 {
		return slices.Delete(lines, path[0], path[0]+1)
	}
	at := lines[path[0]]
	at.block = without(at.block, path[1:])
	return lines
}
