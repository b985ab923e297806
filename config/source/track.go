package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// tracked are the lists of trackers of an instance or a group.
type tracked struct {
	scripts, files, processes, bfds, interfaces []config.Track
}

// checkTracks looks up what is tracked. Own is the instance's interface, or
// empty.
func (r *reader) checkTracks(t *table, list tracked, own string) {
	for _, l := range [...]struct {
		key, block, plural string
		tracks             []config.Track
		known              map[string]bool
	}{
		{"track_scripts", "vrrp_script", "vrrp_scripts", list.scripts, r.named["vrrp_scripts"]},
		{"track_files", "track_file", "track_files", list.files, r.named["track_files"]},
		{"track_processes", "vrrp_track_process", "vrrp_track_processes", list.processes, r.named["vrrp_track_processes"]},
		{"track_bfds", "bfd_instance", "bfd_instances", list.bfds, r.named["bfd_instances"]},
	} {
		r.distinct(t, l.key, l.tracks, func(track *config.Track) bool {
			if l.known[track.Name] {
				return true
			}
			all := slices.Sorted(maps.Keys(l.known))
			hint := r.hintName(track.Name, all)
			switch {
			case hint != "":
			case len(all) > 0:
				hint = "; there are " + r.abbreviated(all)
			default:
				hint = "; the file defines no " + l.plural
			}
			text := fmt.Sprintf("%s: %s: there is no %s %s%s", t.what, l.key, l.block, r.name(track.Name), hint)
			if l.block == "vrrp_script" {
				r.error(track.At, "unknown-script", "%s", text)
			} else {
				r.error(track.At, "unknown-tracker", "%s", text)
			}
			return false
		})
	}
	for _, track := range list.scripts {
		r.used[track.Name] = true
	}
	r.distinct(t, "track_interfaces", list.interfaces, func(track *config.Track) bool {
		if !r.interfaceName(&value{at: track.At, reference: r.hidden[track.Name]}, track.Name, t.what+": track_interfaces") {
			return false
		}
		if track.Name == own {
			r.error(track.At, "own-interface", "%s: %s is the instance's own interface, which is tracked by itself: remove it here", t.what, r.plain(own))
			return false
		}
		return true
	})
}

// distinct calls right for each tracker and reports those that were there
// before.
func (r *reader) distinct(t *table, key string, tracks []config.Track, right func(*config.Track) bool) {
	seen := make(map[string]bool, len(tracks))
	for i := range tracks {
		track := &tracks[i]
		if track.Name == "" || !right(track) {
			continue
		}
		if seen[track.Name] {
			r.error(track.At, "given-twice", "%s: %s names %s twice", t.what, key, r.plain(track.Name))
		}
		seen[track.Name] = true
	}
}

// abbreviated lists names, the first few of many.
func (r *reader) abbreviated(names []string) string {
	const most = 6
	var shown []string
	for _, n := range names[:min(len(names), most)] {
		shown = append(shown, r.plain(n))
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(shown, ", "), len(names)-most)
	}
	return strings.Join(shown, ", ")
}

// names returns the keys of a map in order.
func names[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
