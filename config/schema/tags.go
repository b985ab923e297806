package schema

import (
	"regexp"
	"slices"
	"sync"
)

// keyStyle is words in small letters, or a checker's name in capitals. The
// hyphens are those of keepalived's words, such as sh-port.
var keyStyle = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([a-z][a-z0-9]*([_-][a-z0-9]+)*|[A-Z][A-Z0-9]*(_[A-Z0-9]+)*)$`)
})

// checkTags notes what no field should have.
func (s *Schema) checkTags(b *Block, f *Field, tags map[string]string) {
	wrong := func(is bool, text string) {
		if is {
			s.problem(b, f.Name, "%s", text)
		}
	}
	number := f.Kind == KindInt || f.Kind == KindInts
	wrong(!keyStyle().MatchString(f.Key), "the key is not in lower_snake style")
	wrong(has(tags, "at") && tags["at"] != "root", "at can be root only")
	wrong(f.IsFlat && f.Elem == nil, "flat goes with structs only")
	wrong(slices.Contains(f.Words, ""), "a keyword is empty")
	wrong(f.Default != "" && f.Required, "what is required has no default")
	wrong(has(tags, "enum") && f.Kind != KindText && f.Kind != KindWords, "enum goes with text only")
	wrong(slices.Contains(f.Enum, ""), "a word of the enum is empty")
	wrong(f.Unit != "" && f.Kind != KindDuration && f.Kind != KindScalar && !number, "unit goes with numbers and durations only")
	wrong(f.Kind == KindDuration && !slices.Contains([]string{"", "s", "ms", "us"}, f.Unit), "the unit of a duration is s, ms or us")
	wrong(f.Whole && f.Kind != KindDuration, "whole goes with durations only")
	for _, name := range []string{"whole", "secret", "required", "own"} {
		wrong(has(tags, name) && tags[name] != "true", name+" can be true only")
	}
	wrong(f.Form != "" && !slices.Contains(Forms(), f.Form), "there is no form "+f.Form)
	wrong(f.Form == "bare" && f.Kind != KindBool, "form bare goes with a boolean only")
	wrong(f.Form == "command" && f.Kind != KindProgram, "form command goes with a program only")
	wrong(f.Form == "list" && f.Kind != KindWords && f.Kind != KindInts && f.Kind != KindScalars && f.Kind != KindBlocks, "form list goes with lists only")
	wrong(f.Form == "lines" && f.Kind != KindBlocks && f.Kind != KindWords && f.Kind != KindScalars, "form lines goes with lists only")
	wrong(f.Bare != "" && f.Form != "optional" && (f.Form != "words" || f.Bare != "[]"), "bare goes with form optional only, or as [] with form words")
	wrong(f.Tier < 0 || f.Tier > 3 || f.Tier == 0 && has(tags, "tier"), "tier is 1, 2 or 3")
	wrong(f.Idle != "" && f.Unbuilt != "", "idle and unbuilt exclude each other")
	wrong(f.Doc == "", "it has no comment; if it has one, write the texts anew: go test ./config/schema -run TestTexts -update")
}
