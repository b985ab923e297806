package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// trackScripts reads track_scripts. A weight and a reverse that are not given
// are the script's own.
func (r *reader) trackScripts(t *table) []config.Track {
	return r.tracks(t, "track_scripts", func(track *config.Track) bool {
		s := r.scripts[track.Name]
		if s == nil {
			names := slices.Sorted(maps.Keys(r.scripts))
			hint := "; the file defines no vrrp_scripts"
			if near := config.Nearest(track.Name, names); near != "" {
				hint = fmt.Sprintf("; is %q meant?", near)
			} else if len(names) > 0 {
				hint = "; there are " + abbreviated(names)
			}
			r.error(track.At, "unknown-script", "%s: track_scripts: there is no vrrp_script %s%s", t.what, quoted(track.Name), hint)
			return false
		}
		r.used[track.Name] = true
		track.Weight, track.Reverse = s.Weight, s.Reverse
		return true
	})
}

// trackInterfaces reads track_interfaces. own is the instance's interface,
// or empty.
func (r *reader) trackInterfaces(t *table, own string) []config.Track {
	return r.tracks(t, "track_interfaces", func(track *config.Track) bool {
		if !r.interfaceName(track.At, track.Name, t.what+": track_interfaces") {
			return false
		}
		if track.Name == own {
			r.error(track.At, "own-interface", "%s: %s is the instance's own interface, which is tracked by itself: remove it here", t.what, own)
			return false
		}
		return true
	})
}

// tracks reads a list of trackers: names, or tables with name, weight and
// reverse. inherit looks the name up and fills in what the entry may leave
// out; it returns false when it has reported an error.
func (r *reader) tracks(t *table, key string, inherit func(*config.Track) bool) []config.Track {
	var all []config.Track
	for i, item := range t.list(key) {
		track := config.Track{At: item.at}
		what := fmt.Sprintf("%s: %s: item %d", t.what, key, i+1)
		var entry *table
		switch item.kind {
		case kindText:
			track.Name, _ = r.asText(item, what)
		case kindTable:
			entry = r.table(item, what)
			track.Name = entry.name("name")
		default:
			r.error(item.at, "wrong-type", "%s must be a name, or a table with name, weight and reverse, not %s", what, item.describe())
		}
		ok := track.Name != "" && inherit(&track)
		if entry != nil {
			entry.number("weight", &track.Weight, -maxWeight, maxWeight)
			entry.flag("reverse", &track.Reverse)
			entry.done()
		}
		switch {
		case !ok:
		case slices.ContainsFunc(all, func(o config.Track) bool { return o.Name == track.Name }):
			r.error(item.at, "given-twice", "%s: %s names %s twice", t.what, key, track.Name)
		default:
			all = append(all, track)
		}
	}
	return all
}

// interfaceName checks the name of a network interface (IFNAMSIZ and what
// the kernel's dev_valid_name refuses).
func (r *reader) interfaceName(at config.Position, name, what string) bool {
	if name == "." || name == ".." || len(name) > 15 || strings.ContainsAny(name, "/: \t") {
		r.error(at, "bad-interface", "%s: %s cannot be an interface's name: at most 15 characters, no blank, slash or colon", what, quoted(name))
		return false
	}
	return true
}

// abbreviated lists names, the first few of many.
func abbreviated(names []string) string {
	const most = 6
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
